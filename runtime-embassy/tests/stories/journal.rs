//! A whole bot with a journal, whose power goes at the worst moments.

use std::cell::RefCell;

use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use larkwire_core::fault::{DropReason, Misuse};
use larkwire_core::{Bot, Call, Closed, Config, Seed};
use larkwire_embassy::journal::{FlashJournal, JournalChannel, JournalEvents, JournalFault, Restored};
use larkwire_embassy::{Buffers, Client, Connect, Destination, End, Event, Resources, Stats, TcpConnect, TcpStream};

use crate::flash::{Flash, Tear};
use crate::support::*;

type Book = FlashJournal<Flash, 2, 1184>;
type Kept = JournalEvents<'static, Book, 1024, 2>;
type Done = Signal<NoopRawMutex, ()>;

/// A connector that outlives the bot, so that the platform hears of the end of its streams.
struct Lent(&'static mut TcpConnect<'static>);

impl Connect for Lent {
    type Stream<'a> = TcpStream<'a, 'static>;

    async fn connect(&mut self, to: &Destination) -> Result<TcpStream<'_, 'static>, Closed> {
        self.0.connect(to).await
    }
}

fn flash() -> Flash {
    Flash::new(8)
}

/// Runs a bot over a journal beside `program`, until both have ended, or until the power goes.
async fn powered<F: Future<Output = ()>>(
    stack: Stack<'static>,
    flash: &Flash,
    (config, seed): (Config<'_>, u8),
    cut: &Done,
    program: impl FnOnce(Client<'static>, Kept, Restored) -> F,
) -> Option<(End, Stats)> {
    let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 64>::new()).tables());
    let bot = Bot::new(config, tables.storage(), Seed([seed; 32])).unwrap();
    let (client, runner) = leak(Resources::new(bot).unwrap()).split();
    let channel = leak(JournalChannel::new(Book::new(flash.clone(), flash.range()).unwrap()));
    let mut ids = [0; 32 + 16 * 64];
    let (inbox, events, restored) = channel.open(client, &mut ids).await.unwrap();
    let loops = runner.run(Lent(leak(tcp(stack))), [Lent(leak(tcp(stack)))], inbox, |_| {});
    match select(join(loops, program(client, events, restored)), cut.wait()).await {
        Either::First((end, ())) => Some((end, client.stats())),
        Either::Second(()) => None,
    }
}

fn id_of<const N: usize>(event: &Event<N>) -> String {
    event.message_id().unwrap().as_str().to_owned()
}

/// The same for every answer to one message, so that the platform sends it once.
fn uuid_of(id: &str) -> &str {
    id.get(..id.len().min(50)).unwrap()
}

async fn echo(client: Client<'static>, events: &Kept, event: &Event<1024>, handled: &RefCell<Vec<String>>) {
    let (id, mut room) = (id_of(event), [0; 2048]);
    let answer = Call::Reply {
        message_id: &id,
        body: larkwire_core::Body::text(event.text(&mut room).unwrap()),
        in_thread: false,
        uuid: Some(uuid_of(&id)),
    };
    client.call(answer).await.unwrap();
    handled.borrow_mut().push(id);
    events.done(event).await.unwrap();
}

#[test]
fn a_message_stored_before_the_power_went_is_acked_as_a_duplicate_and_handled_once() {
    story(async |board, platform| {
        let (seen, handled, cut) = (RefCell::new(Seen::default()), RefCell::new(Vec::new()), Done::new());
        let flash = flash();
        let bots = async {
            // The program gets the event, and the power goes before it has done anything. No ack has left: the one who
            // would write it is polled no more.
            let first = powered(board, &flash, (config(), 1), &cut, async |_, mut events, restored| {
                assert_eq!(restored, Restored::default());
                assert_eq!(id_of(&events.recv().await.unwrap()), "om_1");
                cut.signal(());
                std::future::pending::<()>().await;
            });
            assert!(first.await.is_none());
            cut.reset();
            let second = powered(board, &flash, (config(), 2), &cut, async |client, mut events, restored| {
                assert_eq!((restored.unhandled, restored.ids, restored.corrupt), (1, 32 + 2 * 16, 0));
                for _ in 0..2 {
                    let event = events.recv().await.unwrap();
                    echo(client, &events, &event, &handled).await;
                }
                assert_eq!(events.take_fault(), None);
                client.shut_down().await;
                assert!(events.recv().await.is_none());
            });
            second.await.unwrap()
        };
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.offer("d1", &message(1, "one")).await;
            ws.hang_up_seen().await;
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, "one")).await;
            ws.push("d2", &message(2, "two")).await;
            ws.goodbye().await;
        };
        let (end, stats) = beside(doors(platform, &seen), bots, script).await;
        assert_eq!(end, End::Stopped);
        assert_eq!((stats.accepted, stats.acked, stats.dropped(DropReason::Duplicate)), (1, 2, 1));
        assert_eq!(*handled.borrow(), ["om_1", "om_2"]);
        let texts: Vec<_> = seen.borrow().messages.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(texts, ["one", "two"]);
        // The third start has nothing left to do, and knows both.
        let third = async {
            let last = powered(board, &flash, (config(), 3), &cut, async |client, _, restored| {
                assert_eq!((restored.unhandled, restored.ids), (0, 32 + 4 * 16));
                client.shut_down().await;
            });
            last.await;
        };
        beside(doors(platform, &seen), third, async {}).await;
    });
}

#[test]
fn an_event_is_acked_only_once_it_is_stored_and_refused_when_the_flash_fails() {
    story(async |board, platform| {
        let (seen, never) = (RefCell::new(Seen::default()), Done::new());
        let (flash, failing, mended) = (flash(), Done::new(), Done::new());
        let bot = powered(board, &flash, (config(), 1), &never, async |client, mut events, _| {
            let first = events.recv().await.unwrap();
            assert_eq!(id_of(&first), "om_1");
            flash.cut_after(Some(0), Tear::Before);
            assert_eq!(events.done(&first).await, Err(JournalFault::Flash));
            failing.signal(());
            while client.stats().dropped(DropReason::InboxFull) == 0 {
                embassy_time::Timer::after_millis(1).await;
            }
            assert_eq!((events.take_fault(), events.take_fault()), (Some(JournalFault::Flash), None));
            flash.cut_after(None, Tear::Before);
            mended.signal(());
            assert_eq!(events.done(&first).await, Ok(()));
            assert_eq!(events.done(&first).await, Ok(()));
            assert_eq!(id_of(&events.recv().await.unwrap()), "om_2");
            client.shut_down().await;
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, "one")).await;
            failing.wait().await;
            ws.offer("d2", &message(2, "two")).await;
            mended.wait().await;
            // Nothing was acked, so the platform sends it again.
            ws.push("d3", &message(2, "two")).await;
            ws.goodbye().await;
        };
        let (_, stats) = beside(doors(platform, &seen), bot, script).await.unwrap();
        assert_eq!((stats.accepted, stats.acked), (2, 2));
    });
}

#[test]
fn what_is_not_done_keeps_its_place_and_the_platform_keeps_the_rest() {
    story(async |board, platform| {
        let (seen, never, both) = (RefCell::new(Seen::default()), Done::new(), Done::new());
        let flash = flash();
        let bot = powered(board, &flash, (config(), 1), &never, async |client, mut events, _| {
            let [one, two] = [events.recv().await.unwrap(), events.recv().await.unwrap()];
            both.wait().await;
            assert_eq!(client.stats().accepted, 2);
            events.done(&two).await.unwrap();
            assert_eq!(id_of(&events.recv().await.unwrap()), "om_3");
            events.done(&one).await.unwrap();
            client.shut_down().await;
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, "one")).await;
            ws.push("d2", &message(2, "two")).await;
            let third = ws.offer("d3", &message(3, "three")).await;
            both.signal(());
            ws.expect_ack(third).await;
            ws.goodbye().await;
        };
        let (_, stats) = beside(doors(platform, &seen), bot, script).await.unwrap();
        assert_eq!((stats.accepted, stats.acked), (3, 3));
    });
}

#[test]
fn a_click_is_answered_as_ever_and_too_late_after_a_restart() {
    story(async |board, platform| {
        let (seen, cut, never) = (RefCell::new(Seen::default()), Done::new(), Done::new());
        let flash = flash();
        let bots = async {
            let first = powered(board, &flash, (config(), 1), &cut, async |client, mut events, _| {
                let click = events.recv().await.unwrap();
                client.respond(&click, r#"{"toast":{"content":"ok"}}"#).unwrap();
                std::future::pending::<()>().await;
            });
            first.await;
            let second = powered(board, &flash, (config(), 2), &never, async |client, mut events, _| {
                let click = events.recv().await.unwrap();
                assert_eq!(client.respond(&click, "{}"), Err(Misuse::Late));
                events.done(&click).await.unwrap();
                client.shut_down().await;
            });
            second.await.unwrap();
        };
        let script = async {
            let mut ws = Ws::accept(platform).await;
            let pushed = ws.offer("d1", &click(1)).await;
            assert_eq!(ws.answer(pushed).await["toast"]["content"], "ok");
            cut.signal(());
            ws.hang_up_seen().await;
        };
        beside(doors(platform, &seen), bots, script).await;
    });
}

#[test]
fn the_journal_of_another_app_is_begun_anew() {
    story(async |board, platform| {
        let (seen, cut, never) = (RefCell::new(Seen::default()), Done::new(), Done::new());
        let flash = flash();
        let bots = async {
            let first = powered(board, &flash, (config(), 1), &cut, async |_, mut events, _| {
                events.recv().await.unwrap();
                cut.signal(());
                std::future::pending::<()>().await;
            });
            first.await;
            let other = Config { app_id: "cli_fedcba9876543210", ..config() };
            let second = powered(board, &flash, (other, 2), &never, async |client, _, restored| {
                assert_eq!((restored.unhandled, restored.ids), (0, 0));
                client.shut_down().await;
            });
            second.await.unwrap();
        };
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.offer("d1", &message(1, "one")).await;
            ws.hang_up_seen().await;
        };
        beside(doors(platform, &seen), bots, script).await;
    });
}

#[test]
fn a_journal_that_is_opened_wrongly_says_so_and_keeps_its_events() {
    story(async |board, platform| {
        let (seen, cut) = (RefCell::new(Seen::default()), Done::new());
        let flash = flash();
        let first = powered(board, &flash, (config(), 1), &cut, async |_, mut events, _| {
            events.recv().await.unwrap();
            cut.signal(());
            std::future::pending::<()>().await;
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.offer("d1", &message(1, "keep me")).await;
            ws.hang_up_seen().await;
        };
        assert!(beside(doors(platform, &seen), first, script).await.is_none());

        let client = |seed| {
            let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 64>::new()).tables());
            let bot = Bot::new(config(), tables.storage(), Seed([seed; 32])).unwrap();
            leak(Resources::<1>::new(bot).unwrap()).split().0
        };
        let mut ids = [0; 32 + 16 * 64];
        let mut channel = JournalChannel::<_, 1024, 2>::new(Book::new(flash.clone(), flash.range()).unwrap());
        let second = client(2);
        assert_eq!(channel.open(second, &mut ids[..31]).await.err(), Some(JournalFault::NoRoom));
        assert_eq!(channel.open(second, &mut ids).await.unwrap().2.unhandled, 1);
        // The bot knows its ids by now.
        assert_eq!(channel.open(second, &mut ids).await.err(), Some(JournalFault::TooLate));
        assert_eq!(channel.open(client(3), &mut ids).await.unwrap().2.unhandled, 1);
        // A firmware with shorter records does not take longer ones for nothing.
        let mut short =
            JournalChannel::<_, 64, 2>::new(FlashJournal::<Flash, 2, 224>::new(flash.clone(), flash.range()).unwrap());
        assert_eq!(short.open(client(4), &mut ids).await.err(), Some(JournalFault::TooLong));
        assert_eq!(channel.open(client(5), &mut ids).await.unwrap().2.unhandled, 1);
    });
}
