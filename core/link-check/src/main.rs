//! A program for boards that holds one bot and no allocator. It is linked and weighed, never run: linking is the proof
//! that nothing in the graph asks for a heap, and what the linker keeps is what the engine costs.
//!
//! Every value passes through [`black_box`], so that nothing is known at compile time and nothing is left out. The
//! `Display` and `Debug` texts for people are not part of the weight: a board takes the values. Its own functions are not
//! inlined, so that `nm --size-sort` tells what each group of the engine's costs.
#![no_std]
#![no_main]

#[cfg(feature = "webhook")]
mod posts;

use core::hint::black_box;

use larkwire_core::content::{Content, Form, Mentions, Reading};
use larkwire_core::outgoing::{DEFAULT_CHARS, resolve_mentions, split_markdown};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Secret, 
    Attempt, Body, Bot, Buffers, Call, Closed, Config, Event, GateRules, Instant, Lane, Locale, Message, OwnOpenId,
    ReceiveIdType, Seed, Typed, UnixMillis, Verdict, Wish,
};

#[cfg(feature = "webhook")]
use posts::Posts;

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

#[inline(never)]
fn drive(memory: &mut Memory) {
    let mut tables = memory.tables();
    #[cfg(feature = "webhook")]
    let (mut texts, mut room, mut strangers) = posts::memory();
    #[cfg(feature = "webhook")]
    let mut slots = room.each_mut().map(posts::slot);
    let gate = GateRules {
        allowed_users: &[text()],
        mention_only: black_box(true),
        respond_to_mention_all: black_box(true),
        allow_bots: black_box(true),
        stale_after_ms: black_box(1),
    };
    let config = Config {
        app_id: text(),
        app_secret: Secret::new(text()),
        gate,
        ack_reactions: black_box(larkwire_core::AckReactions::Auto),
        own_open_id: black_box(OwnOpenId::Fetched),
        link: black_box(larkwire_core::LinkMode::Connect),
        ..Config::default()
    };
    let Ok(mut bot) = Bot::new(config, tables.storage(), Seed(black_box([7; 32]))) else { return };
    #[cfg(feature = "webhook")]
    let Some(mut posts) = Posts::open(&mut bot, &mut texts, &mut slots, &mut strangers) else { return };
    let _ = black_box(bot.restore_seen(now(), text().as_bytes()));
    // Two rounds: with one, the optimiser would know that the bot is fresh.
    while black_box(true) {
        facts(&mut bot);
        #[cfg(feature = "webhook")]
        posts.requests(&mut bot);
        commands(&mut bot);
        calls(&mut bot);
        wishes(&bot);
        reports(&mut bot);
    }
}

#[inline(never)]
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
    if let Some((id, response)) = bot.poll_delivery().map(|event| (event.id(), event.response_id())) {
        bot.handle_delivered(now(), id, black_box(Verdict::Accepted));
        if let Some(response) = response {
            let _ = black_box(bot.respond(now(), response, text().as_bytes()));
        }
    }
    if let Some(id) = bot.poll_completion().map(|completion| completion.id) {
        bot.handle_completed(now(), id);
    }
}

#[inline(never)]
fn commands(bot: &mut Bot<'_>) {
    let _ = black_box(bot.set_chat_locale(text(), black_box(Some(Locale::Ja))));
    bot.refresh_identity(now());
    let mut flash = [0; 256];
    let mut w = Writer::new(&mut flash);
    bot.write_seen(black_box(None), &mut w);
    let _ = black_box(w.finish());
    bot.shut_down(now());
}

/// Every call; long texts in pieces, with their mentions put in.
#[inline(never)]
fn calls(bot: &mut Bot<'_>) {
    let (message_id, uuid, card) = (text(), black_box(Some("u")), text());
    let receive_id_type = black_box(Some(ReceiveIdType::ChatId));
    let body = black_box([Body::text(text()), Body::Post(text()), Body::Interactive(text())]);
    for call in black_box([
        Call::AddReaction { message_id, emoji_type: text() },
        Call::BotInfo,
        Call::ChatInfo { chat_id: text() },
        Call::DeleteReaction { message_id, reaction_id: text() },
        Call::Edit { message_id, body: body[0] },
        Call::GetMessage { message_id },
        Call::PatchCard { message_id, card },
        Call::Recall { message_id },
        Call::Reply { message_id, body: body[1], in_thread: black_box(true), uuid },
        Call::Send { receive_id: text(), receive_id_type, body: body[2], uuid },
        Call::UpdateCard { token: text(), card },
    ]) {
        let _ = black_box(bot.submit(now(), call));
    }
    let mut room = [0; 256];
    let mut w = Writer::new(&mut room);
    black_box(resolve_mentions(&mut w, text(), &[(text(), text())]));
    let Ok(len) = w.finish() else { return };
    let said = room.get(..len).and_then(|said| core::str::from_utf8(said).ok()).unwrap_or_default();
    for chunk in split_markdown(said, black_box(DEFAULT_CHARS)) {
        let _ =
            black_box(bot.submit(now(), Call::Reply { message_id, body: Body::Chunk(chunk), in_thread: false, uuid }));
    }
}

#[inline(never)]
fn wishes(bot: &Bot<'_>) {
    for index in 0..bot.http_lanes() {
        black_box(bot.poll_lane(Lane::Http(index)));
    }
    let lane = black_box(Lane::Socket);
    black_box((bot.poll_lane(lane), bot.poll_receive(lane), bot.poll_transmit(lane), bot.poll_timeout()));
    if let Some(Ok(answer)) = bot.poll_completion().map(|completion| completion.result) {
        black_box((answer.message_id, answer.field(text())));
    }
    if bot.is_delivery_waiting()
        && let Some(event) = bot.poll_delivery()
    {
        read(&event);
    }
}

/// What an application reads of an event: its names, and what each type of event tells.
#[inline(never)]
fn read(event: &Event<'_>) {
    black_box((event.envelope(), event.json(), event.body(), event.create_time(), event.trace_id()));
    black_box((event.is_callback(), event.event_type(), event.event_id(), event.tenant_key()));
    black_box((event.actor(), event.chat_id(), event.message_id(), event.locale(), event.field(&[text()])));
    match event.typed() {
        Typed::BotAdded(chat) | Typed::BotDeleted(chat) | Typed::ChatDisbanded(chat) => {
            black_box((chat.chat_id(), chat.name(), chat.operator_id()));
        }
        Typed::BotMenu(menu) => {
            black_box((menu.event_key(), menu.operator_id(), menu.operator_name(), menu.timestamp()));
        }
        Typed::CardAction(action) => {
            black_box((action.operator(), action.tag(), action.value(), action.token(), action.option()));
            black_box((action.open_message_id(), action.open_chat_id(), action.form_value(), action.input_value()));
            black_box(action.options().count());
        }
        Typed::ChatUpdated(chat) => {
            black_box((chat.chat_id(), chat.after_change().name(), chat.before_change().name()));
        }
        Typed::DriveComment(comment) => {
            black_box((comment.is_complete(), comment.reply_id(), comment.is_mentioned(), comment.timestamp()));
        }
        Typed::Message(message) => say(&message),
        Typed::MessageRead(read) => {
            black_box((read.reader_id(), read.read_time(), read.message_id_list().count()));
        }
        Typed::MessageRecalled(recalled) => {
            black_box((recalled.message_id(), recalled.recall_type()));
        }
        Typed::P2pChatEntered(entered) => {
            black_box((entered.operator_id(), entered.last_message_id()));
        }
        Typed::ReactionCreated(reaction) | Typed::ReactionDeleted(reaction) => {
            black_box((reaction.emoji_type(), reaction.user_id(), reaction.action_time()));
        }
        Typed::UrlPreview(preview) => {
            black_box((preview.url(), preview.operator(), preview.preview_token()));
        }
        Typed::UserAdded(users) | Typed::UserDeleted(users) | Typed::UserWithdrawn(users) => {
            users.users().for_each(|user| {
                black_box((user.name(), user.user_id()));
            });
        }
        _ => {}
    }
}

/// What a message says: who to whom, the text in both forms, what can be downloaded.
#[inline(never)]
fn say(message: &Message<'_>) {
    let sender = message.sender();
    black_box((message.chat_id(), message.chat_type(), message.message_id(), message.message_type()));
    black_box((message.parent_id(), message.root_id(), message.thread_id(), message.create_time()));
    black_box((sender.open_id(), sender.sender_type(), sender.tenant_key(), sender.union_id(), sender.user_id()));
    black_box((message.is_p2p(), message.mentions_bot(), message.mentions_all()));
    for mention in Mentions::new(message.mentions()).iter() {
        black_box((mention.name, mention.open_id));
    }
    let (mut scratch, mut out) = ([0; 256], [0; 256]);
    let _ = black_box(message.text(black_box(Form::Body), &mut out));
    let content = message.read_content(&mut scratch).unwrap_or(Content::plain(text()));
    let reading = Reading { escape_html: black_box(true), ..message.reading(black_box(Form::Full)) };
    let _ = black_box(content.text(reading, &mut out));
    for resource in content.resources() {
        black_box((resource.kind, resource.key, resource.file_name, resource.duration_ms));
    }
}

#[inline(never)]
fn reports(bot: &mut Bot<'_>) {
    black_box((bot.take_notice(), bot.state(), bot.ended(), bot.is_auth_rejected(), bot.is_room_wanted()));
    black_box((bot.stats(), bot.client_config(), bot.identity(), bot.platform_clock(), bot.seen_count()));
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
