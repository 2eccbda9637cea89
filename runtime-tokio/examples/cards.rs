//! Answers with a card, and the card's button with a toast and a new card:
//! APP_ID=cli_… APP_SECRET=… cargo run --example cards
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use larkwire_tokio::core::{Body, Typed};
use larkwire_tokio::{Client, Event, Settings};

const CARD: &str = r#"{"schema":"2.0","body":{"elements":[
    {"tag":"markdown","content":"Shall I?"},
    {"tag":"button","text":{"tag":"plain_text","content":"Yes"},"behaviors":[{"type":"callback","value":{"do":"it"}}]}
]}}"#;
const ANSWER: &str = r#"{"toast":{"type":"success","content":"Done"},"card":{"type":"raw","data":
    {"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"Done."}]}}}}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(std::env::var("APP_ID")?, std::env::var("APP_SECRET")?)
        .domain(std::env::var("DOMAIN").unwrap_or_else(|_| "feishu".into()))
        .allow("*");
    let (client, events) = Client::start(&settings)?;
    println!("{:?}", client.handle(events, 16, answer).await);
    Ok(())
}

async fn answer(client: Client, event: Event) {
    // The platform waits 3 s for the answer to a click: say it first, work afterwards.
    if let Typed::CardAction(_) = event.view().typed() {
        if let Err(error) = client.respond(&event, ANSWER) {
            eprintln!("{error}");
        }
    } else if let Some(message) = event.message_id()
        && let Err(error) = client.reply(&message, Body::Interactive(CARD)).await
    {
        eprintln!("{error}");
    }
}
