//! Everything that is said through `tracing`, at every level.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Once};

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::{DefaultGuard, Interest};

use crate::support::LONG;

/// The lines said on this thread since [`Log::start`]; a test with tokio's single thread has no other.
pub(crate) struct Log {
    lines: Arc<watch::Sender<Vec<String>>>,
    _guard: DefaultGuard,
}

impl Log {
    pub(crate) fn start() -> Self {
        static DEAF: Once = Once::new();
        // Where only one thread listens, tracing asks whichever thread says a line first, and keeps its no for all.
        DEAF.call_once(|| drop(tracing::subscriber::set_global_default(Listener(None))));
        let lines = Arc::new(watch::Sender::new(Vec::new()));
        let guard = tracing::subscriber::set_default(Listener(Some(Arc::clone(&lines))));
        Self { lines, _guard: guard }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Waits for a line with these words in it.
    pub(crate) async fn wait(&self, words: &str) -> String {
        self.wait_times(words, 1).await
    }

    /// Waits until lines with these words were said as often.
    pub(crate) async fn wait_times(&self, words: &str, times: usize) -> String {
        let mut lines = self.lines.subscribe();
        let found = |lines: &Vec<String>| lines.iter().filter(|line| line.contains(words)).nth(times - 1).cloned();
        match timeout(LONG, lines.wait_for(|lines| found(lines).is_some())).await {
            Ok(lines) => found(&lines.unwrap()).unwrap(),
            Err(_) => panic!("nobody said {words:?}: {:#?}", self.lines()),
        }
    }
}

struct Listener(Option<Arc<watch::Sender<Vec<String>>>>);

impl tracing::Subscriber for Listener {
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        self.0.is_some()
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let Some(lines) = &self.0 else { return };
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        lines.send_modify(|lines| lines.push(line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}
