//! What is posted: deeds as requests, and somebody who posts them into any life.

use larkwire_core::webhook::{PostSlot, Refusal, Webhook, WebhookRules};
use larkwire_core::{Region, ResponseId, Slots};
use serde_json::{Value, json};

use super::dice::Dice;
use super::pool::{Deed, Kind, PEOPLE};
use super::support::*;

/// A few clicks share theirs; some have none.
pub(crate) fn token(deed: &Deed) -> String {
    if deed.n.is_multiple_of(17) { String::new() } else { format!("c-{}", deed.n / 2) }
}

pub(crate) fn request(deed: &Deed, dice: &mut Dice) -> Post {
    let mut json: Value = match deed.kind {
        Kind::Broken => json!({ "x": deed.n }),
        _ => serde_json::from_str(&deed.json()).unwrap(),
    };
    match deed.kind {
        Kind::Broken | Kind::V1 => json["token"] = json!(TOKEN),
        Kind::OldCard => json["token"] = json!(token(deed)),
        _ => json["header"]["token"] = json!(TOKEN),
    }
    if deed.kind == Kind::Card {
        json["event"]["token"] = json!(token(deed));
    }
    let json = json.to_string();
    let body = if dice.one_in(2) { wrap(&encrypt(KEY, json.as_bytes())) } else { json.into_bytes() };
    // Few of them, so that the very same request comes again.
    let (stamp, nonce) = ((UNIX + 1000 * dice.below(2) as u64).to_string(), format!("n-{}", dice.below(2)));
    let post = Post::plain(body);
    if deed.kind == Kind::OldCard { post.sign_card(&stamp, &nonce) } else { post.sign(&stamp, &nonce) }
}

pub(crate) fn doors() -> Webhook<'static> {
    webhook_with(&WebhookRules { old_cards: true, ..super::support::rules() })
}

/// Requests at any time, whose answers are taken early, late or never. It has dice of its own, so that the rest of a life
/// is dealt the same with and without it.
pub(crate) struct Poster(Option<Dice>);

impl Poster {
    /// One life in four has one.
    pub(crate) fn new(seed: u64, w: &mut World) -> Self {
        if seed % 4 != 3 {
            return Self(None);
        }
        let slots = Slots::growable_with(3, || PostSlot::new(Region::growable(1500)));
        w.bot.accept_posts(&doors(), slots);
        w.leaves_answers = true;
        Self(Some(Dice(!seed)))
    }

    pub(crate) fn step(&mut self, w: &mut World, responses: &mut Vec<ResponseId>) {
        let Some(dice) = &mut self.0 else { return };
        match dice.below(8) {
            0..=3 => {
                let deed = Deed::any(dice, &PEOPLE);
                let unix = Some(larkwire_core::UnixMillis(UNIX * 1000));
                w.post_at(&doors(), &request(&deed, dice), unix);
                responses.extend(w.bot.poll_delivery().and_then(|event| event.response_id()));
            }
            4 => {
                w.take_one_answer();
            }
            5 => {
                let refusal = dice.pick(&Refusal::ALL);
                w.fact(|bot, now| bot.handle_refused(now, refusal));
            }
            6 if w.bot.poll_posted().is_none() => {
                // No answer is there to be taken: whoever says so is not believed.
                let waiting = w.bot.is_delivery_waiting();
                for id in w.posts.iter().filter_map(|post| post.id).collect::<Vec<_>>() {
                    w.fact(|bot, now| bot.handle_answered(now, id));
                }
                assert_eq!(waiting, w.bot.is_delivery_waiting());
            }
            _ => {
                w.timeout();
                self.settle(w);
            }
        }
    }

    /// All answers are taken: whatever has waited for 2.5 s has one, and after the end everything has.
    pub(crate) fn settle(&mut self, w: &mut World) {
        while self.0.is_some() && w.take_one_answer() {}
        let ended = w.bot.ended().is_some();
        for post in &w.posts {
            let due = ended || post.at.saturating_add(2500).min(u64::MAX - 1) <= w.newest;
            assert!(!due || post.answers.len() == 1, "at {}: {post:?}", w.newest);
        }
    }
}
