//! What a bot takes of a board's memory: the numbers that the documentation of [`Buffers`] names. They are those of a
//! 64-bit host; a board's pointers are shorter.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "sizes are for people, too (cargo test -- --nocapture), and tests may panic"
)]

use core::mem::size_of;

use larkwire_core::fault::Misuse;
use larkwire_core::link::{FinishedId, PartSet};
use larkwire_core::{AckReaction, Body, Bot, Buffers, Call, ChatLocale, Config, Instant, Notice, Secret, Seed};
use larkwire_core::{SeenEntry, Storage, Tables};
use larkwire_embassy::{Channel, ChannelInbox, Client, Event, Resources, Runner, TcpConnect};

type Small = Buffers<2048, 1024, 2048, 1024, 256>;
type Roomy = Buffers<8192, 2048, 6144, 4096, 2048>;
type Fixed = Buffers<0, 0, 0, 0, 0>;

/// Prints a size and holds it against its limit.
fn at_most(most: usize, what: &str, bytes: usize) {
    println!("{what:32} {bytes:7} bytes, at most {most}");
    assert!(bytes <= most, "{what}: {bytes} bytes is more than {most}");
}

/// The size of the future that a function gives; the function is not called.
fn future<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_bot_takes_no_more_memory_than_its_documentation_says() {
    at_most(24 * 1024, "Buffers, small board", size_of::<Small>());
    at_most(100 * 1024, "Buffers, roomy board", size_of::<Roomy>());
    at_most(3264, "  fixed parts", size_of::<Fixed>());
    at_most(24, "  SeenEntry", size_of::<SeenEntry>());
    at_most(16, "  FinishedId", size_of::<FinishedId>());
    at_most(328, "  PartSet", size_of::<PartSet>());
    at_most(120, "  AckReaction", size_of::<AckReaction>());
    at_most(16, "  ChatLocale", size_of::<ChatLocale>());
    at_most(120, "  Notice", size_of::<Notice>());
    // The notices lie here, not in Buffers, since an unused one is not all zero; in a build of the whole workspace feature
    // `alloc` makes each of its four regions 8 bytes larger. How much of a lane to overwrite takes 16.
    at_most(1408, "Tables", size_of::<Tables<'_>>());
    // 3856 alone; the workspace's `alloc` makes it some 300 larger. Turns and the comparison of clocks took 80.
    // Posted events add 19 counters, a desk with two times of quiet, and four who wait: 352. How much of four secret regions
    // to overwrite takes 32. How the ack of the message at hand is made takes 32: it was found out three times before.
    at_most(
        if cfg!(feature = "webhook") { 4624 } else { 4272 },
        "Resources, with the Bot",
        size_of::<Resources<'_, 1>>(),
    );
    at_most(450, "Event, beside its JSON", size_of::<Event<0>>());
    at_most(10 * 1024, "Channel<2048, 4>", size_of::<Channel<2048, 4>>());
    type Tcp = TcpConnect<'static>;
    type Parts = (Runner<'static, 1>, Tcp, Tcp, ChannelInbox<'static, 2048, 4>);
    let run = future(|(runner, socket, http, inbox): Parts| runner.run(socket, [http], inbox, |_notice| {}));
    at_most(4608, "Runner::run over TCP", run);
    type Said = (&'static Client<'static>, &'static str);
    #[cfg(feature = "webhook")]
    posts();
    at_most(1024, "Client::reply_text", future(|(client, text): Said| client.reply_text("om_1", text)));
}

/// What posted events take, beside the bytes of bodies and events.
#[cfg(feature = "webhook")]
fn posts() {
    use larkwire_core::webhook::{PostSlot, QuotaEntry};
    use larkwire_embassy::webhook::{Admitted, Posts};
    at_most(496, "PostSlot, beside its JSON", size_of::<PostSlot<'_>>());
    at_most(24, "QuotaEntry", size_of::<QuotaEntry>());
    // Eight more tell how much of the keys to overwrite.
    at_most(216, "Posts", size_of::<Posts<'_>>());
    type Request = (Admitted<'static, 'static>, &'static mut [u8], &'static mut [u8]);
    at_most(960, "Admitted::answer", future(|(admitted, body, out): Request| admitted.answer(body, out)));
}

#[test]
fn a_text_of_the_promised_room_fits_one_request() {
    fn submit(storage: Storage<'_>, room: usize) {
        let config = Config { app_id: "cli_0123456789abcdef", app_secret: Secret::new("s3cr3t"), ..Config::default() };
        let mut bot = Bot::new(config, storage, Seed([7; 32])).unwrap();
        let (id, text) = (format!("om_{}", "x".repeat(61)), "a".repeat(4 * room));
        let reply = |text| Call::Reply { message_id: &id, body: Body::text(text), in_thread: true, uuid: None };
        let too_long = bot.submit(Instant::ZERO, reply(&text));
        assert!(matches!(too_long, Err(Misuse::TooLong { .. })), "{too_long:?}");
        assert!(bot.submit(Instant::ZERO, reply(&text[..room])).is_ok());
    }
    assert_eq!((Small::TEXT_ROOM, Roomy::TEXT_ROOM, Fixed::TEXT_ROOM), (256, 1280, 0));
    submit(Small::new().tables().storage(), Small::TEXT_ROOM);
    submit(Roomy::new().tables().storage(), Roomy::TEXT_ROOM);
}
