//! The engine itself, in virtual time, with what it reads cut as small as one likes.

use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;

use super::driver::Driver;
use super::{Heard, Running, Setup, Subject, URL};
use crate::platform::Platform;
use crate::suite::shim::{Report, VERSION};

/// larkwire's engine without a runtime.
#[derive(Clone, Copy, Debug)]
pub struct CoreSubject {
    /// The most bytes it is given at a time.
    pub chop: usize,
}

impl CoreSubject {
    /// The sizes that everything is tried with: how bytes are cut must not matter.
    pub const CHOPS: [usize; 6] = [1, 2, 3, 7, 16, usize::MAX];
}

impl Subject for CoreSubject {
    fn in_memory(&self) -> bool {
        true
    }

    fn serves_webhooks(&self) -> bool {
        true
    }

    fn start(&self, platform: &Arc<Platform>, setup: &Setup) -> Result<Running, String> {
        let (commands, to_do) = unbounded_channel();
        let (says, heard) = unbounded_channel();
        let ready = Report::Ready {
            conform: VERSION,
            client: "larkwire-core".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            webhook_url: setup.start.settings.webhook.is_some().then(|| URL.to_owned()),
        };
        // The receiver is in our own hands.
        let _ = says.send(Heard::Report(ready));
        let (posts, listeners) = unbounded_channel();
        let driver = Driver::new(Arc::clone(platform), setup, self.chop, to_do, says, listeners)?;
        Ok(Running { commands, heard, posts: Some(posts), task: tokio::spawn(driver.run()) })
    }
}
