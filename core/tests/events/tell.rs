//! Asks a view for everything it has; what is known is written down. Nothing here takes memory of its own.

use std::fmt::Write;

use larkwire_core::typed::*;
use larkwire_core::wire::json::{Str, Value};
use larkwire_core::{Event, Message, UnixMillis};

trait Told {
    fn told(&self, name: &str, out: &mut dyn Write);
}

impl<T: Told> Told for Option<T> {
    fn told(&self, name: &str, out: &mut dyn Write) {
        if let Some(value) = self {
            value.told(name, out);
        }
    }
}

macro_rules! told_as {
    ($($type:ty: $value:ident => $show:expr;)*) => {
        $(impl Told for $type {
            fn told(&self, name: &str, out: &mut dyn Write) {
                let $value = self;
                write!(out, " {name}={}", $show).unwrap();
            }
        })*
    };
}

told_as! {
    Str<'_>: text => text;
    UnixMillis: time => time.0;
    bool: flag => flag;
    &str: text => text;
    Value<'_>: value => match value {
        Value::Array(text) | Value::Object(text) => Str::from_raw(text, false),
        Value::Bool(_) => Str::from_raw("bool", false),
        Value::Null => Str::from_raw("null", false),
        Value::Number(number) => Str::from_raw(number.raw(), false),
        Value::String(text) => *text,
    };
}

impl Told for Ids<'_> {
    fn told(&self, name: &str, out: &mut dyn Write) {
        if !self.is_empty() {
            write!(out, " {name}=").unwrap();
            for (i, id) in self.iter().enumerate() {
                write!(out, "{}{id}", if i > 0 { "," } else { "" }).unwrap();
            }
        }
    }
}

macro_rules! fields {
    ($out:expr, $view:expr, $($field:ident)*) => {
        $($view.$field().told(stringify!($field), $out);)*
    };
}

macro_rules! lists {
    ($out:expr, $view:expr, $($list:ident)*) => {
        $(for item in $view.$list() {
            item.told(stringify!($list), $out);
        })*
    };
}

/// A view inside a view, in brackets, when it has anything.
macro_rules! nested {
    ($($view:ty: $($field:ident)*, $($list:ident)*;)*) => {
        $(impl Told for $view {
            fn told(&self, name: &str, out: &mut dyn Write) {
                let mut inside = Counted(0);
                fields!(&mut inside, self, $($field)*);
                lists!(&mut inside, self, $($list)*);
                if inside.0 > 0 {
                    write!(out, " {name}[").unwrap();
                    fields!(out, self, $($field)*);
                    lists!(out, self, $($list)*);
                    write!(out, " ]").unwrap();
                }
            }
        })*
    };
}

nested! {
    I18n<'_>: zh_cn en_us ja_jp,;
    User<'_>: name tenant_key user_id,;
    RestrictedMode<'_>: status screenshot_has_permission_setting download_has_permission_setting
        message_has_permission_setting,;
    Chat<'_>: avatar name description i18n_names add_member_permission share_card_permission at_all_permission
        edit_permission membership_approval join_message_visibility leave_message_visibility moderation_permission
        owner_id restricted_mode_setting group_message_type, labels;
}

pub(crate) struct Counted(pub(crate) usize);

impl Write for Counted {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

pub(crate) fn tell_to(event: &Event<'_>, out: &mut dyn Write) {
    match event.typed() {
        Typed::BotAdded(chat) => chat_event("BotAdded", chat, out),
        Typed::BotDeleted(chat) => chat_event("BotDeleted", chat, out),
        Typed::BotMenu(menu) => {
            out.write_str("BotMenu").unwrap();
            fields!(out, menu, operator_name operator_id event_key timestamp);
        }
        Typed::CardAction(action) => {
            out.write_str("CardAction").unwrap();
            fields!(out, action, operator tenant_key token tag value option timezone name form_value input_value checked);
            lists!(out, action, options);
            fields!(out, action, host delivery_type url preview_token open_message_id open_chat_id);
        }
        Typed::ChatDisbanded(chat) => chat_event("ChatDisbanded", chat, out),
        Typed::ChatUpdated(chat) => {
            out.write_str("ChatUpdated").unwrap();
            fields!(out, chat, chat_id operator_id external operator_tenant_key after_change before_change);
            lists!(out, chat, added_member_list removed_member_list);
        }
        Typed::DriveComment(comment) => {
            out.write_str("DriveComment").unwrap();
            fields!(out, comment, file_type file_token from_user_id to_user_id notice_type timestamp);
            fields!(out, comment, comment_id reply_id is_mentioned);
            comment.is_complete().then_some("yes").told("complete", out);
        }
        Typed::Message(message) => tell_message(message, out),
        Typed::MessageRead(read) => {
            out.write_str("MessageRead").unwrap();
            fields!(out, read, reader_id read_time tenant_key);
            lists!(out, read, message_id_list);
        }
        Typed::MessageRecalled(recalled) => {
            out.write_str("MessageRecalled").unwrap();
            fields!(out, recalled, message_id chat_id recall_time recall_type);
        }
        Typed::Other => out.write_str("Other").unwrap(),
        Typed::P2pChatEntered(entered) => {
            out.write_str("P2pChatEntered").unwrap();
            fields!(out, entered, chat_id operator_id last_message_id last_message_create_time);
        }
        Typed::ReactionCreated(reaction) => tell_reaction("ReactionCreated", reaction, out),
        Typed::ReactionDeleted(reaction) => tell_reaction("ReactionDeleted", reaction, out),
        Typed::UrlPreview(preview) => {
            out.write_str("UrlPreview").unwrap();
            fields!(out, preview, operator tenant_key host url preview_token open_message_id open_chat_id);
        }
        Typed::UserAdded(chat) => chat_event("UserAdded", chat, out),
        Typed::UserDeleted(chat) => chat_event("UserDeleted", chat, out),
        Typed::UserWithdrawn(chat) => chat_event("UserWithdrawn", chat, out),
        typed => panic!("a type without a story: {typed:?}"),
    }
}

fn chat_event(name: &str, chat: ChatEvent<'_>, out: &mut dyn Write) {
    out.write_str(name).unwrap();
    fields!(out, chat, chat_id operator_id external operator_tenant_key name i18n_names);
    lists!(out, chat, users);
}

fn tell_message(message: Message<'_>, out: &mut dyn Write) {
    out.write_str("Message").unwrap();
    let sender = message.sender();
    fields!(out, sender, open_id union_id user_id sender_type tenant_key);
    fields!(out, message, message_id root_id parent_id create_time update_time chat_id thread_id chat_type);
    fields!(out, message, message_type content user_agent active_chat_id);
    fields!(out, message, legacy_text legacy_text_without_at_bot legacy_is_mention);
    message.is_p2p().then_some("yes").told("p2p", out);
    message.is_legacy().then_some("yes").told("legacy", out);
    (!message.mentions().is_empty()).then_some(message.mentions()).told("mentions", out);
}

fn tell_reaction(name: &str, reaction: Reaction<'_>, out: &mut dyn Write) {
    out.write_str(name).unwrap();
    fields!(out, reaction, message_id emoji_type operator_type user_id app_id action_time);
}

pub(crate) fn who_to(event: &Event<'_>, out: &mut dyn Write) {
    match event.actor() {
        None => out.write_str("nobody").unwrap(),
        Some(actor) => {
            match actor.kind {
                ActorKind::App => out.write_str("app").unwrap(),
                ActorKind::Unknown(None) => out.write_str("unknown").unwrap(),
                ActorKind::Unknown(Some(kind)) => write!(out, "unknown {kind}").unwrap(),
                ActorKind::User => out.write_str("user").unwrap(),
            }
            actor.ids.told("ids", out);
            actor.app_id.told("app_id", out);
        }
    }
    event.chat_id().told("chat", out);
    event.message_id().told("message", out);
}

pub(crate) fn tell(event: &Event<'_>) -> String {
    let mut out = String::new();
    tell_to(event, &mut out);
    out
}

pub(crate) fn who(event: &Event<'_>) -> String {
    let mut out = String::new();
    who_to(event, &mut out);
    out
}
