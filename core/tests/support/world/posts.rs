//! What is posted to the bot, and what it answers.

use larkwire_core::webhook::{Checked, PostId, PostSlot, Posting, Refusal, Reply, Webhook};
use larkwire_core::{Config, LinkMode, Region, Slots, Storage, UnixMillis};

use super::super::{Post, UNIX, config, webhook};
use super::World;

/// A request as a bystander saw it.
#[derive(Clone, Debug)]
pub(crate) struct PostSeen {
    pub(crate) at: u64,
    /// Where it had to wait.
    pub(crate) id: Option<PostId>,
    pub(crate) refusal: Option<Refusal>,
    /// When, status, body: one in the end.
    pub(crate) answers: Vec<(u64, u16, String)>,
}

impl PostSeen {
    fn answered(&mut self, at: u64, reply: Reply<'_>) {
        self.answers.push((at, reply.status, String::from_utf8(reply.body.to_vec()).expect("an answer is text")));
    }
}

impl World {
    /// A bot without a long connection that knows the time of day.
    pub(crate) fn posted() -> Self {
        Self::posted_with(Config { link: LinkMode::Off, ..config() })
    }

    pub(crate) fn posted_with(config: Config<'_>) -> Self {
        let mut w = Self::with(config, Storage::growable());
        w.serve(&webhook(), 16);
        w.start();
        w
    }

    /// Makes `places` for posts, and tells the time of day.
    pub(crate) fn serve(&mut self, webhook: &Webhook<'_>, places: usize) {
        let slots = Slots::growable_with(places, || PostSlot::new(Region::growable(64 * 1024)));
        self.bot.accept_posts(webhook, slots);
        self.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(UNIX * 1000))));
    }

    /// Posts it; which of [`World::posts`] it is.
    pub(crate) fn post(&mut self, post: &Post) -> usize {
        self.post_to(&webhook(), post)
    }

    pub(crate) fn post_to(&mut self, webhook: &Webhook<'_>, post: &Post) -> usize {
        let n = self.post_only(webhook, post);
        self.run();
        n
    }

    /// The fact alone: what it makes possible is not done.
    pub(crate) fn post_only(&mut self, webhook: &Webhook<'_>, post: &Post) -> usize {
        let unix = self.bot.time_of_day(self.instant());
        self.post_at(webhook, post, unix)
    }

    /// The same, by a clock that the bot does not know.
    pub(crate) fn post_at(&mut self, webhook: &Webhook<'_>, post: &Post, unix: Option<UnixMillis>) -> usize {
        let mut body = post.body.clone();
        let mut seen = PostSeen { at: self.now.max(self.newest), id: None, refusal: None, answers: Vec::new() };
        match webhook.check(&post.head(), &mut body, unix) {
            Err(refusal) => {
                self.fact(|bot, now| bot.handle_refused(now, refusal));
                seen.refusal = Some(refusal);
                seen.answered(self.now, refusal.reply());
            }
            Ok(Checked::Challenge(challenge)) => {
                self.fact(|bot, now| bot.handle_challenged(now));
                let mut out = [0; 1024];
                seen.answered(self.now, challenge.reply(&mut out).expect("a short challenge"));
            }
            Ok(Checked::Posted(posted)) => match self.fact(|bot, now| bot.handle_posted(now, &posted)) {
                Posting::Answered(reply) => seen.answered(self.now, reply),
                Posting::Waiting(id) => {
                    assert!(self.posts.iter().all(|post| post.id != Some(id)), "an id is given once");
                    seen.id = Some(id);
                }
            },
        }
        self.posts.push(seen);
        self.posts.len() - 1
    }

    pub(super) fn take_answer(&mut self) -> bool {
        !self.leaves_answers && self.take_one_answer()
    }

    /// Takes the oldest answer; whether there was one.
    pub(crate) fn take_one_answer(&mut self) -> bool {
        let Some(answer) = self.bot.poll_posted() else { return false };
        let (id, now) = (answer.id, self.now);
        let seen = self.posts.iter_mut().find(|post| post.id == Some(id)).expect("an answer to what was posted");
        seen.answered(now.max(seen.at), answer.reply);
        assert_eq!(seen.answers.len(), 1, "one answer: {seen:?}");
        self.fact(|bot, now| bot.handle_answered(now, id));
        assert!(self.bot.poll_posted().is_none_or(|answer| answer.id != id), "an answer that was taken is gone");
        true
    }

    /// What the post was answered, if it was.
    pub(crate) fn answer_to(&self, n: usize) -> Option<(u16, &str)> {
        self.posts[n].answers.first().map(|(_, status, body)| (*status, body.as_str()))
    }

    /// Milliseconds until it was answered.
    pub(crate) fn took(&self, n: usize) -> u64 {
        self.posts[n].answers[0].0 - self.posts[n].at
    }

    /// Posts an event, and says what it is answered at once.
    pub(crate) fn post_event(&mut self, json: &str) -> Option<(u16, String)> {
        let n = self.post(&Post::sealed(json));
        self.answer_to(n).map(|(status, body)| (status, body.to_owned()))
    }
}
