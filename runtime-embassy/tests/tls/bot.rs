//! A whole bot over TLS.

use std::cell::RefCell;

use embassy_futures::join::join;
use larkwire_core::{Bot, Config, Domain, Seed};
use larkwire_embassy::{Buffers, Channel, End, Notice, Resources};

use crate::pki::*;
use crate::server::*;
use crate::support::platform::{dns, serve};
use crate::support::{Seen, Ws, beside, leak, message, story};

#[test]
fn a_message_over_tls_is_acked_and_echoed_and_the_bot_says_goodbye() {
    let root = common_root();
    let intermediate = root.authority("Intermediate");
    let server = config(&[&intermediate.server(), &intermediate]);
    story(move |board, platform| async move {
        let seen = RefCell::new(Seen { tls: true, ..Seen::default() });
        let bot = async {
            let config = Config {
                domain: Domain::Custom("https://platform.test:8000"),
                dangerously_allow_plaintext: false,
                ..crate::support::config()
            };
            let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 64>::new()).tables());
            let (client, runner) =
                leak(Resources::new(Bot::new(config, tables.storage(), Seed([7; 32])).unwrap()).unwrap()).split();
            let (inbox, mut events) = leak(Channel::<1024, 2>::new()).split();
            let mut notices = Vec::new();
            let ((socket, _), (http, faults)) = (connector(board, trust(root)), connector(board, trust(root)));
            let program = async {
                let (event, mut room) = (events.recv().await.unwrap(), [0; 1024]);
                let id = event.message_id().unwrap();
                client.reply_text(id.as_str(), event.text(&mut room).unwrap()).await.unwrap();
                assert_eq!(client.shut_down().await, End::Stopped);
            };
            let (end, ()) = join(runner.run(socket, [http], inbox, |notice| notices.push(notice)), program).await;
            assert_eq!((end, notices, faults.get()), (End::Stopped, vec![Notice::Connected], None));
            client.stats()
        };
        let http = async {
            loop {
                let mut line = Line::accept(platform, 8000, &server).await;
                serve(&mut line, &seen).await;
                line.close().await;
            }
        };
        let doors = async {
            join(dns(platform), http).await;
        };
        let script = async {
            let mut ws = Ws::over(Line::accept(platform, 8001, &server).await).await;
            ws.push("d1", &message(1, "你好 over TLS 🙂")).await;
            let mut line = ws.farewell().await;
            line.read_to_end().await;
            line.close().await;
        };
        let stats = beside(doors, bot, script).await;
        assert_eq!((stats.accepted, stats.acked, stats.calls_succeeded, stats.link_faults), (1, 1, 1, 0));
        let reply = ("/open-apis/im/v1/messages/om_1/reply".to_owned(), "你好 over TLS 🙂".to_owned());
        assert_eq!(seen.borrow().messages, [reply]);
    });
}
