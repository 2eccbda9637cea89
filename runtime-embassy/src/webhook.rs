//! Events that the platform posts, behind whatever HTTP server the board has (protocol section 17).
//!
//! ```text
//!  server ─ head ─► Client::admit_request ─┬─► reply, and the body need not be read
//!                                          └─► Admitted
//!  server ─ body ─► Admitted::answer ──────┬─► reply at once: refused, verified, a duplicate, no room
//!                                          └─► inbox ─► program ─► reply
//! ```
//! There is no server here: a request is a head, a body in a buffer of the server's, and room for the answer.
//! [`core::webhook::http`](larkwire_core::webhook::http) reads and writes plain HTTP/1.1 for who has none;
//! `runtime-embassy/examples/webhook/main.rs` in the repository serves it over embassy-net. TLS is the reverse proxy's
//! in front of it, as the platform wants a public address.
//!
//! | memory, all of it the program's | bytes on a board |
//! |---|---|
//! | a [`PostSlot`] for each event that waits, [`WAITING`] at most are of use | some 450, and the longest event's |
//! | texts of the [`Webhook`] | those of its two keys |
//! | a [`QuotaEntry`] for each stranger that is remembered | 24; 16 entries will do |
//! | the body, decrypted where it lies | [`max_body`]: an encrypted event takes 4 bytes for 3, and 200 more |
//! | the answer | [`ANSWER`], or as much as the program's longest answer to a callback |
//!
//! [`PostSlot`]: larkwire_core::webhook::PostSlot
//! [`QuotaEntry`]: larkwire_core::webhook::QuotaEntry
//! [`max_body`]: larkwire_core::webhook::WebhookRules::max_body
//!
//! ```
//! use larkwire_embassy::core::webhook::{Freshness, PostSlot, Quota, QuotaEntry, Webhook, WebhookRules};
//! use larkwire_embassy::core::{Bot, Config, LinkMode, Region, Secret, Seed, Slots};
//! use larkwire_embassy::webhook::Posts;
//! use larkwire_embassy::{Buffers, Resources};
//!
//! let mut buffers = Buffers::<2048, 1024, 2048, 1024, 256>::new();
//! let mut tables = buffers.tables();
//! // Events come by request only; calls go out as ever.
//! let (app_id, app_secret) = ("cli_0123456789abcdef", Secret::new("secret"));
//! let config = Config { app_id, app_secret, link: LinkMode::Off, ..Config::default() };
//! let mut bot = Bot::new(config, tables.storage(), Seed([7; 32]))?;
//!
//! // Two events of 2 KB may wait; a body that is no longer holds none that is.
//! let mut texts = [0; 128];
//! let freshness = Freshness::Within { seconds: 3600 };
//! let keys = (Secret::new("encrypt key"), Secret::new("token"));
//! let rules = WebhookRules { max_body: 2048, ..WebhookRules::new(keys.0, keys.1, freshness) };
//! let webhook = Webhook::new(&rules, Region::fixed(&mut texts))?;
//! let mut room = [[0; 2048]; 2];
//! let mut slots = room.each_mut().map(|room| PostSlot::new(Region::fixed(room)));
//! bot.accept_posts(&webhook, Slots::fixed(&mut slots));
//! let mut strangers = [QuotaEntry::EMPTY; 16];
//! let posts = Posts::new(webhook, Quota::new(Slots::fixed(&mut strangers)));
//!
//! let mut resources = Resources::<1>::new(bot)?;
//! let (client, runner) = resources.split();
//! # let _ = (client, runner, posts);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::cell::RefCell;
use core::fmt;

use larkwire_core::webhook::{Checked, Quota, Refusal, Reply, RequestHead, Webhook};

use crate::client::Client;
use crate::monitor::now;

pub use crate::monitor::WAITING;

/// Room for every answer but a program's own to a callback, which may be longer, and for a challenge of up to 80 bytes.
pub const ANSWER: usize = 96;

/// What judges requests: the keys, and how often strangers may knock. One for a bot, shared by all connections.
pub struct Posts<'w> {
    webhook: Webhook<'w>,
    strangers: RefCell<Quota<'w>>,
}

impl fmt::Debug for Posts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posts").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

impl<'w> Posts<'w> {
    /// `webhook` is what the bot was given places for ([`Bot::accept_posts`](larkwire_core::Bot::accept_posts)).
    pub fn new(webhook: Webhook<'w>, strangers: Quota<'w>) -> Self {
        Self { webhook, strangers: RefCell::new(strangers) }
    }

    /// Bytes of the longest body, and so of the buffer for it.
    pub fn max_body(&self) -> usize {
        self.webhook.max_body()
    }
}

impl<'s> Client<'s> {
    /// Looks at the head of a request before its body is read. `peer` stands for who sent it, such as the bits of an
    /// IPv4 address, or of an IPv6 network: unsigned requests are limited to 20 at once and one a second from each.
    /// Behind a proxy it is the address that the proxy vouches for; where everybody looks the same, strangers share one
    /// limit.
    ///
    /// # Errors
    /// What to answer; there is no need to read the body. It was counted and reported.
    pub fn admit_request<'r>(
        &self,
        posts: &'r Posts<'_>,
        head: RequestHead<'r>,
        content_length: Option<u64>,
        peer: u64,
    ) -> Result<Admitted<'r, 's>, Reply<'static>> {
        let judged = posts.webhook.admit(&head, content_length).and_then(|()| {
            let known = head.is_signed() || !posts.webhook.needs_signature();
            let may = known || posts.strangers.borrow_mut().take(now(), peer);
            may.then_some(()).ok_or(Refusal::TooMany)
        });
        match judged {
            Ok(()) => Ok(Admitted { client: *self, webhook: &posts.webhook, head }),
            Err(refusal) => Err(self.refuse_request(refusal)),
        }
    }

    /// What to answer to a request that the server refuses: for another path ([`Refusal::Path`]), for a body that took
    /// longer than [`BODY_MS`](larkwire_core::webhook::BODY_MS) ([`Refusal::Slow`]), for one connection too many
    /// ([`Refusal::TooMany`]). It is counted and reported.
    pub fn refuse_request(&self, refusal: Refusal) -> Reply<'static> {
        self.monitor.change(|bot, now| bot.handle_refused(now, refusal));
        refusal.reply()
    }
}

/// A request whose body may be read.
#[must_use = "the request is not answered yet"]
pub struct Admitted<'r, 's> {
    client: Client<'s>,
    webhook: &'r Webhook<'r>,
    head: RequestHead<'r>,
}

impl fmt::Debug for Admitted<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A signature that was not used yet is not for logs.
        f.write_str("Admitted")
    }
}

impl Admitted<'_, '_> {
    /// Judges the whole request and answers it: at once, or when the program has taken the event, within 2.5 s.
    /// `body` is decrypted where it lies; the answer lies in `out` or is a constant. An answer of the program's that is
    /// longer than `out` becomes `{}`; a challenge that is longer is refused ([`Refusal::TooBig`]).
    ///
    /// As many requests as there are places may wait at once, [`WAITING`] at most: one more is refused, and a callback
    /// gets `{}`. When this future is dropped, since the peer has hung up, an event that the inbox has taken stays
    /// taken; the platform sends it again, and that is a duplicate. It needs [`Runner::run`](crate::Runner::run):
    /// without, nobody takes the event and nobody tells the time.
    pub async fn answer<'o>(self, body: &mut [u8], out: &'o mut [u8]) -> Reply<'o> {
        let Self { client, webhook, head } = self;
        let unix = client.monitor.read(|bot| bot.time_of_day(now()));
        match webhook.check(&head, body, unix) {
            Err(refusal) => client.refuse_request(refusal),
            Ok(Checked::Challenge(challenge)) => match challenge.reply(out) {
                Ok(reply) => {
                    client.monitor.change(|bot, now| bot.handle_challenged(now));
                    reply
                }
                Err(_) => client.refuse_request(Refusal::TooBig),
            },
            Ok(Checked::Posted(posted)) => client.monitor.post(&posted, out).await,
        }
    }
}
