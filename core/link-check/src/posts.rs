//! Events that the platform posts, over plain HTTP.

use core::hint::black_box;

use larkwire_core::webhook::http::Request;
use larkwire_core::webhook::{
    Checked, Freshness, PostSlot, Posting, Quota, QuotaEntry, Refusal, Reply, Webhook, WebhookRules,
};
use larkwire_core::wire::http::HeadScan;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Secret, Bot, Region, Slots};

use crate::{now, text};

/// Bytes of an event.
const EVENT: usize = 2048;

/// For the keys, for two events that wait, for sixteen strangers.
pub(crate) fn memory() -> ([u8; 128], [[u8; EVENT]; 2], [QuotaEntry; 16]) {
    ([0; 128], [[0; EVENT]; 2], [QuotaEntry::EMPTY; 16])
}

pub(crate) fn slot(room: &mut [u8; EVENT]) -> PostSlot<'_> {
    PostSlot::new(Region::fixed(room))
}

pub(crate) struct Posts<'s> {
    webhook: Webhook<'s>,
    quota: Quota<'s>,
}

impl<'s> Posts<'s> {
    pub(crate) fn open(
        bot: &mut Bot<'s>,
        texts: &'s mut [u8],
        slots: &'s mut [PostSlot<'s>],
        strangers: &'s mut [QuotaEntry],
    ) -> Option<Self> {
        let rules = WebhookRules {
            max_body: EVENT,
            old_cards: black_box(true),
            allow_missing_token: black_box(true),
            dangerously_allow_missing_keys: black_box(true),
            ..WebhookRules::new(Secret::new(text()), Secret::new(text()), black_box(Freshness::Within { seconds: 3600 }))
        };
        let webhook = Webhook::new(&rules, Region::fixed(texts)).ok()?;
        bot.accept_posts(&webhook, Slots::fixed(slots));
        Some(Self { webhook, quota: Quota::new(Slots::fixed(strangers)) })
    }

    /// A request as it comes in, and the answers that are ready.
    #[inline(never)]
    pub(crate) fn requests(&mut self, bot: &mut Bot<'_>) {
        let mut received = [0; 256];
        let mut room = [0; 256];
        let len = HeadScan::default().find(black_box(&mut received)).ok().flatten().unwrap_or_default();
        let (head, body) = received.split_at_mut_checked(len).unwrap_or_default();
        let reply = match Request::parse(head) {
            Ok(request) => self.request(bot, &request, body, &mut room),
            Err(fault) => Some(Reply::to_malformed(fault)),
        };
        black_box(reply.is_some_and(write));
        if let Some(id) = bot.poll_posted().map(|answer| {
            black_box(write(answer.reply));
            answer.id
        }) {
            bot.handle_answered(now(), id);
        }
    }

    #[inline(never)]
    fn request<'o>(
        &mut self,
        bot: &mut Bot<'_>,
        request: &Request<'_>,
        body: &mut [u8],
        room: &'o mut [u8],
    ) -> Option<Reply<'o>> {
        let Request { head, content_length, path, .. } = request;
        let judged = self.webhook.admit(head, Some(*content_length)).and_then(|()| {
            let may = *path == text() && (head.is_signed() || self.quota.take(now(), black_box(1)));
            may.then_some(()).ok_or(Refusal::TooMany)
        });
        let checked = judged.and_then(|()| self.webhook.check(head, body, bot.time_of_day(now())));
        match checked {
            Ok(Checked::Challenge(challenge)) => {
                bot.handle_challenged(now());
                challenge.reply(room).ok()
            }
            Ok(Checked::Posted(posted)) => match bot.handle_posted(now(), &posted) {
                Posting::Answered(reply) => Some(reply),
                Posting::Waiting(id) => {
                    black_box(id);
                    None
                }
            },
            Err(refusal) => {
                bot.handle_refused(now(), refusal);
                Some(refusal.reply())
            }
        }
    }
}

fn write(reply: Reply<'_>) -> bool {
    let mut out = [0; 160];
    let mut w = Writer::new(black_box(&mut out));
    let goes_on = reply.write_head(&mut w, black_box(true));
    black_box((w.finish().is_ok(), reply.body));
    goes_on
}
