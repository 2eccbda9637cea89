//! Between the shim protocol and the engine: settings, calls, results and events.

use larkwire_core as core;
use larkwire_core::content::Form;
use larkwire_core::fault::CallFault;
use larkwire_core::wire::json::Str;
use larkwire_core::wire::writer::TooSmall;
use larkwire_core::{
    AckReactions, Body, Call, CallAnswer, Config, Domain, GateRules, LinkMode, Locale, OnFatal, ReceiveIdType, Secret,
};

use crate::suite::shim;

/// Gives `make` a configuration as the scenario wants it; it borrows from here.
pub(super) fn config<R>(start: &shim::Start, make: impl FnOnce(Config<'_>) -> R) -> R {
    let settings = &start.settings;
    let default = Config::default();
    let everybody = vec!["*".to_owned()];
    let allowed = settings.allowed_users.as_ref().unwrap_or(&everybody);
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    make(Config {
        app_id: &start.app_id,
        app_secret: Secret::new(&start.app_secret),
        domain: Domain::Custom(&start.base_url),
        pong_timeout_ms: settings.pong_timeout_ms.unwrap_or(default.pong_timeout_ms),
        dedup_window_ms: settings.dedup_window_s.map_or(default.dedup_window_ms, |seconds| seconds * 1000),
        max_attempts: settings.max_attempts,
        follow_reconnect_count: settings.follow_reconnect_count.unwrap_or_default(),
        on_fatal: if settings.retry_fatal == Some(true) { OnFatal::SlowRetry } else { OnFatal::End },
        gate: GateRules {
            allowed_users: &allowed,
            mention_only: settings.mention_only.unwrap_or_default(),
            respond_to_mention_all: settings.respond_to_mention_all.unwrap_or_default(),
            allow_bots: settings.allow_bots.unwrap_or_default(),
            stale_after_ms: settings.stale_after_s.unwrap_or_default() * 1000,
        },
        link: if settings.webhook.is_some() { LinkMode::Off } else { LinkMode::Connect },
        ack_reactions: match settings.ack_reactions.as_deref() {
            Some("auto") => AckReactions::Auto,
            Some("en") => AckReactions::Fixed(Locale::En),
            Some("ja") => AckReactions::Fixed(Locale::Ja),
            Some("zh-CN") => AckReactions::Fixed(Locale::ZhCn),
            Some("zh-TW") => AckReactions::Fixed(Locale::ZhTw),
            _ => AckReactions::Off,
        },
        ..default
    })
}

/// Gives `submit` the call; `None` if the engine has no such call.
pub(super) fn call<R>(wanted: &shim::Call, submit: impl FnOnce(Call<'_>) -> R) -> Option<R> {
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let (message_id, said) = (text(&wanted.message_id), text(&wanted.text));
    let card = wanted.card.as_ref().map(ToString::to_string);
    let body = match &card {
        Some(card) => Body::Interactive(card),
        None => Body::text(&said),
    };
    let card = card.as_deref().unwrap_or_default();
    let (receive_id, emoji_type) = (text(&wanted.receive_id), text(&wanted.emoji_type));
    let (reaction_id, token, chat_id) = (text(&wanted.reaction_id), text(&wanted.token), text(&wanted.chat_id));
    let message_id = message_id.as_str();
    let receive_id_type = match wanted.receive_id_type.as_deref() {
        Some("chat_id") => Some(ReceiveIdType::ChatId),
        Some("email") => Some(ReceiveIdType::Email),
        Some("open_id") => Some(ReceiveIdType::OpenId),
        Some("union_id") => Some(ReceiveIdType::UnionId),
        Some("user_id") => Some(ReceiveIdType::UserId),
        _ => None,
    };
    let in_thread = wanted.in_thread.unwrap_or_default();
    Some(submit(match wanted.call.as_str() {
        "bot_info" => Call::BotInfo,
        "chat_info" => Call::ChatInfo { chat_id: &chat_id },
        "edit" => Call::Edit { message_id, body },
        "patch_card" => Call::PatchCard { message_id, card },
        "react" => Call::AddReaction { message_id, emoji_type: &emoji_type },
        "recall" => Call::Recall { message_id },
        "reply" => Call::Reply { message_id, body, in_thread, uuid: None },
        "send" => Call::Send { receive_id: &receive_id, receive_id_type, body, uuid: None },
        "unreact" => Call::DeleteReaction { message_id, reaction_id: &reaction_id },
        "update_card" => Call::UpdateCard { token: &token, card },
        _ => return None,
    }))
}

/// How a call went.
pub(super) fn result(id: u64, result: Result<CallAnswer<'_>, CallFault>) -> shim::CallResult {
    match result {
        Ok(answer) => {
            let data: serde_json::Value = serde_json::from_str(answer.data).unwrap_or_default();
            let member = |name: &str| data.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            shim::CallResult {
                id,
                ok: true,
                message_id: Some(answer.message_id.to_owned()).filter(|id| !id.is_empty()),
                reaction_id: member("reaction_id"),
                open_id: member("open_id"),
                ..Default::default()
            }
        }
        Err(fault) => shim::CallResult {
            id,
            code: Some(fault.code).filter(|code| *code != 0),
            text: Some(fault.to_string()),
            ..Default::default()
        },
    }
}

/// An event as a program gets it.
pub(super) fn event(event: &core::Event<'_>) -> shim::Event {
    let text = |text: Option<Str<'_>>| text.map(|text| text.to_string());
    let message = event.message();
    let said = message.map(|message| {
        let mut out = Vec::new();
        loop {
            match message.text(Form::Body, &mut out) {
                Ok(said) => return said.to_owned(),
                Err(TooSmall { needed }) => out.resize(needed, 0),
            }
        }
    });
    shim::Event {
        event_type: text(event.event_type()).unwrap_or_default(),
        event_id: text(event.event_id()),
        message_id: text(event.message_id()),
        chat_id: text(event.chat_id()),
        chat_type: message.and_then(|message| text(message.chat_type())),
        text: said,
        json: Some(event.json().to_owned()),
    }
}
