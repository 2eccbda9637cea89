//! larkwire on tokio, with an inbox of its own that reads the text of every event (`inbox`) or its content as it came
//! (`content`), or with the channel (`events`).

use std::env;
use std::hint::black_box;

use larkwire_tokio::connect::NetConnect;
use larkwire_tokio::core::content::Form;
use larkwire_tokio::core::wire::writer::TooSmall;
use larkwire_tokio::core::{Event, Verdict};
use larkwire_tokio::{Client, Inbox, Offer, Settings};
use speed_common::{APP_ID, APP_SECRET, answer, count, roots, url};

/// Windows go up to 4096 events.
const ROOM: usize = 8192;

/// Runs until standard input is closed.
pub fn run(allocations: fn() -> Option<u64>) {
    answer(allocations);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut settings = Settings::new(APP_ID, APP_SECRET).domain(url()).allow("*").inbox(ROOM);
    let roots = roots();
    if let Some(roots) = &roots {
        settings = settings.extra_root_certificates(roots.clone());
    }
    let end = runtime.block_on(async {
        match env::args().nth(1).as_deref() {
            Some(what @ ("inbox" | "content")) => {
                let connect = NetConnect::new(roots.unwrap_or_default().as_bytes()).expect("certificates");
                let reader = Reader { reads_text: what == "inbox", text: Vec::new() };
                Client::start_with(&settings, connect, reader).expect("good settings").ended().await
            }
            Some("events") => {
                let (client, mut events) = Client::start(&settings).expect("good settings");
                let counting = async {
                    while let Some(event) = events.recv().await {
                        black_box(&event);
                        count();
                    }
                };
                tokio::join!(client.ended(), counting).0
            }
            other => panic!("inbox, content or events, not {other:?}"),
        }
    });
    panic!("it ended: {end:?}");
}

/// Reads the type of every event, and its text or its content.
struct Reader {
    reads_text: bool,
    text: Vec<u8>,
}

impl Inbox for Reader {
    async fn ready(&mut self) -> usize {
        ROOM
    }

    fn offer(&mut self, event: &Event<'_>) -> Offer {
        let is_message = event.event_type().is_some_and(|name| name == "im.message.receive_v1");
        if let Some(message) = event.message().filter(|_| is_message) {
            if self.reads_text {
                while let Err(TooSmall { needed }) = message.text(Form::Body, &mut self.text).map(black_box) {
                    self.text.resize(needed, 0);
                }
                count();
            } else if black_box(message.content()).is_some_and(|content| !content.is_empty()) {
                count();
            }
        }
        Offer::Decided(Verdict::Accepted)
    }
}
