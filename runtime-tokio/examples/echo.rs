//! Says everything back: APP_ID=cli_… APP_SECRET=… cargo run --example echo
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use larkwire_tokio::core::AckReactions;
use larkwire_tokio::{Client, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(std::env::var("APP_ID")?, std::env::var("APP_SECRET")?)
        .domain(std::env::var("DOMAIN").unwrap_or_else(|_| "feishu".into()))
        .allow("*")
        .mention_only(true)
        .ack_reactions(AckReactions::Auto);
    let (client, events) = Client::start(&settings)?;
    let end = client.handle_by_chat(events, 16, async |client: Client, event| {
        if let (Some(message), Some(text)) = (event.message_id(), event.text())
            && let Err(error) = client.reply_text(&message, &text).await
        {
            eprintln!("{error}");
        }
    });
    println!("{:?}", end.await);
    Ok(())
}
