//! Chats and their members.

use super::fields::{elements, find, nested, view};
use super::people::{I18n, Ids, User};
use crate::wire::json::Str;

view! {
    /// A chat was disbanded, or the bot or people came or went.
    ChatEvent {
        /// `oc_…`
        chat_id: Option<Str<'a>>;
        /// Whether people of other organisations are in it.
        external: Option<bool>;
        /// The chat's name in several languages.
        i18n_names: I18n<'a>;
        /// The chat's name.
        name: Option<Str<'a>>;
        /// Who did it.
        operator_id: Ids<'a>;
        /// The operator's organisation.
        operator_tenant_key: Option<Str<'a>>;
    }
}

impl<'a> ChatEvent<'a> {
    /// The people it is about; none unless the event is about people.
    pub fn users(&self) -> impl Iterator<Item = User<'a>> + Clone + use<'a> {
        elements(find(self.json, &["users"]))
    }
}

view! {
    /// Settings of a chat were changed: `im.chat.updated_v1`.
    ChatUpdated {
        /// The changed settings, as they are now.
        after_change: Chat<'a>;
        /// The changed settings, as they were.
        before_change: Chat<'a>;
        /// `oc_…`
        chat_id: Option<Str<'a>>;
        /// Whether people of other organisations are in it.
        external: Option<bool>;
        /// Who did it.
        operator_id: Ids<'a>;
        /// The operator's organisation.
        operator_tenant_key: Option<Str<'a>>;
    }
}

impl<'a> ChatUpdated<'a> {
    /// `moderator_list`: who may speak from now on. The entries have no name.
    pub fn added_member_list(&self) -> impl Iterator<Item = User<'a>> + Clone + use<'a> {
        elements(find(self.json, &["moderator_list", "added_member_list"]))
    }

    /// `moderator_list`: who may not speak any more. The entries have no name.
    pub fn removed_member_list(&self) -> impl Iterator<Item = User<'a>> + Clone + use<'a> {
        elements(find(self.json, &["moderator_list", "removed_member_list"]))
    }
}

view! {
    /// Settings of a chat, each under the platform's name; only changed ones are there.
    Chat {
        /// Who may add members.
        add_member_permission: Option<Str<'a>>;
        /// Who may mention everybody.
        at_all_permission: Option<Str<'a>>;
        /// The key or address of the picture.
        avatar: Option<Str<'a>>;
        /// The description.
        description: Option<Str<'a>>;
        /// Who may edit the chat's name, picture and description.
        edit_permission: Option<Str<'a>>;
        /// What kind of messages the group holds.
        group_message_type: Option<Str<'a>>;
        /// The name in several languages.
        i18n_names: I18n<'a>;
        /// Who is told when somebody joins.
        join_message_visibility: Option<Str<'a>>;
        /// Who is told when somebody leaves.
        leave_message_visibility: Option<Str<'a>>;
        /// Whether joining needs approval.
        membership_approval: Option<Str<'a>>;
        /// Who may speak.
        moderation_permission: Option<Str<'a>>;
        /// The name.
        name: Option<Str<'a>>;
        /// Who owns the chat.
        owner_id: Ids<'a>;
        /// What the members may take out of the chat.
        restricted_mode_setting: RestrictedMode<'a>;
        /// Who may share the chat.
        share_card_permission: Option<Str<'a>>;
    }
}

impl<'a> Chat<'a> {
    /// The labels.
    pub fn labels(&self) -> impl Iterator<Item = Str<'a>> + Clone + use<'a> {
        elements(find(self.json, &["labels"]))
    }
}

view! {
    /// The restricted mode of a chat; the permissions are `all_members`, `not_anyone` or a value of the future.
    RestrictedMode {
        /// Who may download files.
        download_has_permission_setting: Option<Str<'a>>;
        /// Who may copy and forward messages.
        message_has_permission_setting: Option<Str<'a>>;
        /// Who may take screenshots.
        screenshot_has_permission_setting: Option<Str<'a>>;
        /// Whether it is on.
        status: Option<bool>;
    }
}

nested!(Chat, RestrictedMode);
