//! Events that the platform posts, instead of a long connection (protocol section 17).
//!
//! ```text
//!  platform ── POST ─► Server ── path ─► WebhookService ─► larkwire_core::webhook ─► Bot ─► inbox ─► Events
//!                      or axum, tower      size, time,       signature, age,         gate, dedup
//!                      of one's own        strangers         decryption, token          │
//!            ◄──────────────────────────────── 200, once it is in the inbox ◄───────────┘
//! ```
//! [`Server`] listens by itself:
//!
//! ```no_run
//! use larkwire_tokio::webhook::{Server, WebhookSettings};
//! use larkwire_tokio::{Client, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::new("cli_0123456789abcdef", std::env::var("APP_SECRET")?)
//!     .allow("*")
//!     .webhook(WebhookSettings::new(std::env::var("ENCRYPT_KEY")?, std::env::var("VERIFICATION_TOKEN")?));
//! let (client, mut events) = Client::start(&settings)?;
//! let service = client.webhook().expect("the settings ask for one");
//! let serving = Server::new().route("/lark", service).bind("0.0.0.0:8080").await?;
//! while let Some(event) = events.recv().await {
//!     println!("{:?}", event.text());
//! }
//! serving.shut_down().await;
//! # Ok(())
//! # }
//! ```
//! Who has a server already mounts the service, as with `axum::Router::new().route_service("/lark", service)`; it sets no
//! limits on connections and heads then, since those are the server's. TLS may end here ([`Server::tls`]) or at a proxy.
//!
//! The answer is 200 once the event is in the inbox; when that is full, 503 within 2 s, and the platform sends it again.
//! Every refusal has the same body. Why requests were refused is told in the log, once a minute at most, and counted in
//! [`Stats`](crate::Stats).

mod body;
mod connections;
mod peers;
mod server;
mod service;
mod settings;
mod tls;
mod waiting;

pub use server::{Server, Serving};
pub use service::{Peer, WebhookService};
pub use settings::WebhookSettings;
pub(crate) use waiting::{Answering, Waiting};
