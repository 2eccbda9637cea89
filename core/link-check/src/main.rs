//! A program for boards that holds one bot and no allocator. It is linked and weighed, never run: linking is the proof
//! that nothing in the graph asks for a heap, and what the linker keeps is what the engine costs.
//!
//! Every value passes through [`black_box`], so that nothing is known at compile time and nothing is left out. The
//! `Display` and `Debug` texts for people are not part of the weight: a board takes the values.
#![no_std]
#![no_main]

use core::hint::black_box;

use larkwire_core::{
    Attempt, Bot, Buffers, Body, Call, Closed, Config, Event, Instant, Lane, ReceiveIdType, Seed, UnixMillis, Verdict, Wish,
};

/// The small board of [`Buffers`].
type Memory = Buffers<2048, 1024, 2048, 1024, 256>;

/// Where the linker starts to count; there is no reset vector because nothing is run.
#[unsafe(no_mangle)] // The one unsafe attribute: without a name the linker knows, everything would be thrown away.
extern "C" fn _start() -> ! {
    let mut memory = Memory::new();
    drive(&mut memory);
    loop {
        core::hint::spin_loop();
    }
}

fn drive(memory: &mut Memory) {
    let mut tables = memory.tables();
    let config = Config { app_id: text(), app_secret: text(), ..Config::default() };
    let Ok(mut bot) = Bot::new(config, tables.storage(), Seed(black_box([7; 32]))) else { return };
    // Two rounds: with one, the optimiser would know that the bot is fresh.
    while black_box(true) {
        facts(&mut bot);
        commands(&mut bot);
        wishes(&bot);
        reports(&mut bot);
    }
}

fn facts(bot: &mut Bot<'_>) {
    let lane = black_box(Lane::Socket);
    let attempt = match bot.poll_lane(lane) {
        Wish::Up(target) => target.attempt,
        Wish::Down => Attempt::default(),
    };
    bot.handle_opened(now(), lane, attempt);
    bot.handle_received(now(), lane, attempt, text().as_bytes());
    bot.handle_transmitted(now(), lane, attempt, black_box(1));
    bot.handle_closed(now(), lane, attempt, black_box(Closed::Eof));
    bot.handle_inbox(now(), black_box(1));
    bot.handle_wall_clock(now(), black_box(Some(UnixMillis(1))));
    bot.handle_timeout(now());
    if let Some(id) = bot.poll_delivery().map(|event| event.id()) {
        bot.handle_delivered(now(), id, black_box(Verdict::Accepted));
    }
    if let Some(id) = bot.poll_completion().map(|completion| completion.id) {
        bot.handle_completed(now(), id);
    }
}

fn commands(bot: &mut Bot<'_>) {
    let uuid = black_box(Some("u"));
    let receive_id_type = black_box(Some(ReceiveIdType::ChatId));
    let _ = black_box(bot.submit(now(), Call::Reply { message_id: text(), body: Body::text(text()), in_thread: false, uuid: uuid }));
    let _ = black_box(bot.submit(now(), Call::Send { receive_id: text(), receive_id_type: receive_id_type, body: Body::text(text()), uuid: uuid }));
    bot.shut_down(now());
}

fn wishes(bot: &Bot<'_>) {
    for index in 0..bot.http_lanes() {
        black_box(bot.poll_lane(Lane::Http(index)));
    }
    let lane = black_box(Lane::Socket);
    black_box((bot.poll_lane(lane), bot.poll_receive(lane), bot.poll_transmit(lane), bot.poll_timeout()));
    black_box(bot.poll_completion());
    if bot.is_delivery_waiting()
        && let Some(event) = bot.poll_delivery()
    {
        read(&event);
    }
}

/// What an application reads of an event: its names, the message, and the JSON inside its content.
fn read(event: &Event<'_>) {
    black_box((event.envelope(), event.json(), event.body(), event.create_time(), event.trace_id()));
    black_box((event.is_callback(), event.event_type(), event.event_id(), event.tenant_key()));
    let Some(message) = event.message() else { return };
    let sender = message.sender();
    black_box((message.chat_id(), message.chat_type(), message.message_id(), message.message_type()));
    black_box((message.parent_id(), message.root_id(), message.thread_id(), message.create_time()));
    black_box((sender.open_id(), sender.sender_type(), sender.tenant_key(), sender.union_id(), sender.user_id()));
    black_box(message.mentions());
    let mut content = [0; 256];
    if let Some(Ok(json)) = message.content().map(|content_text| content_text.unescape(&mut content)) {
        let mut reader = larkwire_core::wire::json::Reader::new(json);
        let _ = black_box(reader.value());
    }
}

fn reports(bot: &mut Bot<'_>) {
    black_box((bot.take_notice(), bot.state(), bot.ended(), bot.is_auth_rejected()));
    black_box((bot.stats(), bot.client_config()));
}

fn text() -> &'static str {
    black_box("text")
}

fn now() -> Instant {
    Instant::from_millis(black_box(1))
}

/// Shows the information to the optimiser, so that it keeps the panics it cannot rule out and they can be counted.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    black_box(info);
    loop {
        core::hint::spin_loop();
    }
}
