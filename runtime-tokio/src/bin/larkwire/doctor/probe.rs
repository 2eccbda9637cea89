//! A client for one look at the platform, which remembers how its last dial went.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larkwire_tokio::connect::{BoxReader, BoxWriter, Connect, ConnectError, Destination, NetConnect};
use larkwire_tokio::core::fault::{CallFault, CallFaultKind, Fatal};
use larkwire_tokio::core::{Closed, Event, Notice, Verdict};
use larkwire_tokio::{CallError, Client, End, Inbox, Offer, Settings, SettingsError};

/// How long the platform may take for the answers of one check.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Ends with its last owner, whatever it is doing.
pub(super) struct Probe {
    pub(super) client: Client,
    wire: Wire,
}

impl Drop for Probe {
    fn drop(&mut self) {
        // A client that was refused would try again for as long as it is allowed to.
        self.client.abort();
    }
}

/// What came of a call for bot info, and the token before it.
pub(super) enum Came {
    /// The `bot` object of the answer.
    Answer(String),
    /// The call was refused.
    Refused(CallFault),
    /// The call would be tried again: the platform is busy, or the network was lost.
    Retried(CallFaultKind, i64),
    /// Nothing within [`LIMIT`].
    Silence,
    /// The platform does not know these credentials.
    Stranger(Fatal),
    /// No token: the platform's code and words; an HTTP status without words; or 0 where nothing came.
    NoToken(i64, String),
}

impl Probe {
    pub(super) fn start(settings: &Settings, net: &Arc<NetConnect>) -> Result<Self, SettingsError> {
        let wire = Wire { net: Arc::clone(net), dial: Arc::default() };
        let client = Client::start_with(&settings.clone().source("larkwire-doctor"), wire.clone(), Refuse)?;
        Ok(Self { client, wire })
    }

    /// One token, one bot info: the first trouble is the answer.
    pub(super) async fn bot_info(&self) -> Came {
        let mut notices = self.client.notices();
        let trouble = async {
            let trouble = |notice: &Option<Notice>| {
                matches!(notice, Some(Notice::TokenFailed { .. } | Notice::CallRetried { .. }))
            };
            match notices.wait_for(trouble).await.ok().and_then(|notice| *notice) {
                Some(Notice::TokenFailed { code, message, .. }) => Came::NoToken(code, message.as_str().to_owned()),
                Some(Notice::CallRetried { kind, code, .. }) => Came::Retried(kind, code),
                // The client is gone, and the call with it.
                _ => std::future::pending().await,
            }
        };
        let call = async {
            match self.client.bot_info().await {
                Ok(answer) => Came::Answer(answer.data),
                Err(CallError::Failed { fault, .. }) => match self.client.state() {
                    larkwire_tokio::State::Fatal => match self.client.ended().await {
                        End::Fatal(fatal) => Came::Stranger(fatal),
                        End::Stopped => Came::Silence,
                    },
                    _ => Came::Refused(fault),
                },
                Err(CallError::Misuse(_)) => Came::Silence,
            }
        };
        tokio::select! {
            came = call => came,
            came = trouble => came,
            () = tokio::time::sleep(LIMIT) => Came::Silence,
        }
    }

    /// Why nothing came from the platform, and what to do. `waited`: the doctor did not wait longer than this.
    pub(super) fn network(&self, waited: Option<Duration>) -> (String, &'static str) {
        let dial = self.wire.dial.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seconds = waited.unwrap_or(LIMIT).as_secs();
        match dial {
            Dial::None => ("nothing was tried".into(), "start again"),
            Dial::Begun(place) => (
                format!("{place} gave no connection within {seconds} s"),
                "check the network, the firewall, and whether a proxy is needed (HTTPS_PROXY)",
            ),
            Dial::Open(place) if waited.is_some() => (
                format!("{place} was reached, but gave no answer within {seconds} s"),
                "try again; if it stays so, check the proxy or firewall between here and there",
            ),
            Dial::Open(place) => (
                format!("{place} was reached, but hung up, or answered what is no HTTP"),
                "check domain, and the proxy or firewall between here and there",
            ),
            Dial::Failed(place, closed, detail) => {
                // What to do about it comes in the next step, and where it happened was said.
                let closed_as = closed.to_string();
                let what = closed_as.split(" (").next().unwrap_or_default();
                let detail = detail.strip_prefix(&format!("{place}: ")).unwrap_or(&detail);
                (format!("{place}: {what}: {detail}"), next_step(closed))
            }
        }
    }
}

fn next_step(closed: Closed) -> &'static str {
    match closed {
        Closed::Dns => "check the network, the resolver, and the spelling of domain",
        Closed::Proxy => "check HTTPS_PROXY, and that the proxy lets CONNECT to this host through",
        Closed::Refused => "check domain and its port; nothing listens there, or a firewall refuses",
        Closed::Tls => {
            "check the clock of this machine, the host name in domain, and whether a proxy opens TLS on the way"
        }
        _ => "check the network, the firewall, and whether a proxy is needed (HTTPS_PROXY)",
    }
}

/// How the last stream was opened, or not.
#[derive(Clone, Default)]
enum Dial {
    Begun(String),
    Failed(String, Closed, String),
    #[default]
    None,
    Open(String),
}

#[derive(Clone)]
struct Wire {
    net: Arc<NetConnect>,
    dial: Arc<Mutex<Dial>>,
}

impl Wire {
    fn note(&self, dial: Dial) {
        *self.dial.lock().unwrap_or_else(PoisonError::into_inner) = dial;
    }
}

impl Connect for Wire {
    type Reader = BoxReader;
    type Writer = BoxWriter;

    async fn connect(&self, to: &Destination) -> Result<(BoxReader, BoxWriter), ConnectError> {
        let place = show(to);
        self.note(Dial::Begun(place.clone()));
        let opened = self.net.connect(to).await;
        self.note(match &opened {
            Ok(_) => Dial::Open(place),
            Err(error) => Dial::Failed(place, error.closed, error.detail.clone()),
        });
        opened
    }
}

/// `host:port`.
pub(super) fn show(place: &Destination) -> String {
    if place.host.contains(':') {
        format!("[{}]:{}", place.host, place.port)
    } else {
        format!("{}:{}", place.host, place.port)
    }
}

/// Takes nothing: what comes to the doctor is left to the platform to send again, to the bot it is for.
struct Refuse;

impl Inbox for Refuse {
    async fn ready(&mut self) -> usize {
        1
    }

    fn offer(&mut self, _event: &Event<'_>) -> Offer {
        Offer::Decided(Verdict::Refused)
    }
}
