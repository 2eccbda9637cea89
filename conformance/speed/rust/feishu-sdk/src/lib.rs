//! The crate feishu-sdk with a handler that reads the type and the content of every event, and counts.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

use feishu_sdk::Client;
use feishu_sdk::core::Config;
use feishu_sdk::event::{Event, EventDispatcher, EventDispatcherConfig, EventHandler, EventHandlerResult};
use speed_common::{APP_ID, APP_SECRET, answer, count_shared, url};

struct Handler;

impl EventHandler for Handler {
    fn event_type(&self) -> &str {
        "im.message.receive_v1"
    }

    fn handle(&self, event: Event) -> Pin<Box<dyn Future<Output = EventHandlerResult> + Send + '_>> {
        if event.event_type() == Some("im.message.receive_v1") {
            black_box(event.event.as_ref().map(|event| event["message"]["content"].as_str()));
            count_shared();
        }
        Box::pin(async { Ok(None) })
    }
}

/// Runs until standard input is closed.
pub fn run(allocations: fn() -> Option<u64>) {
    answer(allocations);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        let config = Config::builder(APP_ID, APP_SECRET).base_url(url()).build();
        let dispatcher = EventDispatcher::new(EventDispatcherConfig::from_sdk_config(&config), config.logger.clone());
        dispatcher.register_handler(Box::new(Handler)).await;
        let client = Client::new(config).expect("a client");
        let stream = client.stream().event_dispatcher(dispatcher).build().expect("a stream");
        stream.start().await
    });
    panic!("it ended: {ended:?}");
}
