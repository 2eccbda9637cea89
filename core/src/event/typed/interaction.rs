//! What people press: menus, cards, links.

use super::fields::{Field as _, elements, find, view};
use super::people::Ids;
use crate::time::UnixMillis;
use crate::wire::json::{Str, Value};

view! {
    /// An entry of the bot's menu was chosen: `application.bot.menu_v6`.
    BotMenu {
        /// As set for the entry.
        event_key: Option<Str<'a>>;
        /// Who chose it.
        operator_id: Ids<'a> = "operator"."operator_id";
        /// The name of who chose it; needs a scope.
        operator_name: Option<Str<'a>> = "operator"."operator_name";
        /// When.
        timestamp: Option<UnixMillis>;
    }
}

view! {
    /// Something on a card was used: `card.action.trigger`, or the old card callback (protocol section 17.6).
    CardAction {
        /// Whether the checker is checked now.
        checked: Option<bool> = "action"."checked";
        /// How the card was delivered.
        delivery_type: Option<Str<'a>>;
        /// Where the card is shown: `im_message`, …
        host: Option<Str<'a>>;
        /// What was entered.
        input_value: Option<Str<'a>> = "action"."input_value";
        /// The name of the component.
        name: Option<Str<'a>> = "action"."name";
        /// `oc_…`, the chat the card is in.
        open_chat_id: Option<Str<'a>> = "context"."open_chat_id" | "open_chat_id";
        /// `om_…`, the message that is the card.
        open_message_id: Option<Str<'a>> = "context"."open_message_id" | "open_message_id";
        /// What was chosen.
        option: Option<Str<'a>> = "action"."option";
        /// Names the preview of a link, when the card is one.
        preview_token: Option<Str<'a>> = "context"."preview_token";
        /// The component: `button`, `select_static`, …
        tag: Option<Str<'a>> = "action"."tag";
        /// The operator's organisation.
        tenant_key: Option<Str<'a>> = "operator"."tenant_key" | "tenant_key";
        /// The operator's time zone, where a time was chosen.
        timezone: Option<Str<'a>> = "action"."timezone";
        /// `c-…`, to update the card later.
        token: Option<Str<'a>>;
        /// The link, when the card is the preview of one.
        url: Option<Str<'a>> = "context"."url";
        /// What the card's maker put there: an object or a string.
        value: Option<Value<'a>> = "action"."value";
    }
}

impl<'a> CardAction<'a> {
    /// What the form holds, name by name: a JSON object as text.
    pub fn form_value(&self) -> Option<&'a str> {
        if let Value::Object(text) = find(self.json, &["action", "form_value"])? { Some(text) } else { None }
    }

    /// Who did it.
    pub fn operator(&self) -> Ids<'a> {
        // The old callback has the ids at the top.
        Ids::field(self.json, &[&["operator"], &[]])
    }

    /// What was chosen, where several can be.
    pub fn options(&self) -> impl Iterator<Item = Str<'a>> + Clone + use<'a> {
        elements(find(self.json, &["action", "options"]))
    }
}

view! {
    /// A link was pasted, and its preview is wanted: `url.preview.get`.
    UrlPreview {
        /// Where the link is shown.
        host: Option<Str<'a>>;
        /// `oc_…`, the chat it is in.
        open_chat_id: Option<Str<'a>> = "context"."open_chat_id";
        /// `om_…`, the message it is in.
        open_message_id: Option<Str<'a>> = "context"."open_message_id";
        /// Who pasted it.
        operator: Ids<'a>;
        /// Names the preview.
        preview_token: Option<Str<'a>> = "context"."preview_token";
        /// The operator's organisation.
        tenant_key: Option<Str<'a>> = "operator"."tenant_key";
        /// The link.
        url: Option<Str<'a>> = "context"."url";
    }
}
