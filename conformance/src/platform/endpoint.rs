//! Which call a request is.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::token::TokenKind;

/// A call of the open platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /auth/v3/app_access_token/internal`
    AppToken,
    /// `GET /bot/v3/info`
    BotInfo,
    /// `GET /im/v1/chats/:id`
    ChatInfo,
    /// `DELETE /im/v1/messages/:id`
    Delete,
    /// `PUT /im/v1/messages/:id`
    Edit,
    /// `GET /im/v1/messages/:id`
    GetMessage,
    /// `GET /im/v1/messages/:id/reactions`
    ListReactions,
    /// `PATCH /im/v1/messages/:id`
    PatchCard,
    /// `POST /im/v1/messages/:id/reactions`
    React,
    /// `POST /im/v1/messages/:id/reply`
    Reply,
    /// `POST /im/v1/messages`
    Send,
    /// `POST /auth/v3/tenant_access_token/internal`
    TenantToken,
    /// `DELETE /im/v1/messages/:id/reactions/:reaction_id`
    Unreact,
    /// `POST /interactive/v1/card/update`
    UpdateCard,
}

impl Endpoint {
    /// The call a path stands for, and its parameters.
    pub(super) fn of<'a>(method: &Method, segments: &[&'a str]) -> Option<(Self, Vec<&'a str>)> {
        Some(match (method.as_str(), segments) {
            ("POST", ["auth", "v3", "app_access_token", "internal"]) => (Self::AppToken, vec![]),
            ("POST", ["auth", "v3", "tenant_access_token", "internal"]) => (Self::TenantToken, vec![]),
            ("GET", ["bot", "v3", "info"]) => (Self::BotInfo, vec![]),
            ("GET", ["im", "v1", "chats", id]) => (Self::ChatInfo, vec![id]),
            ("POST", ["im", "v1", "messages"]) => (Self::Send, vec![]),
            ("DELETE", ["im", "v1", "messages", id]) => (Self::Delete, vec![id]),
            ("GET", ["im", "v1", "messages", id]) => (Self::GetMessage, vec![id]),
            ("PATCH", ["im", "v1", "messages", id]) => (Self::PatchCard, vec![id]),
            ("PUT", ["im", "v1", "messages", id]) => (Self::Edit, vec![id]),
            ("POST", ["im", "v1", "messages", id, "reply"]) => (Self::Reply, vec![id]),
            ("GET", ["im", "v1", "messages", id, "reactions"]) => (Self::ListReactions, vec![id]),
            ("POST", ["im", "v1", "messages", id, "reactions"]) => (Self::React, vec![id]),
            ("DELETE", ["im", "v1", "messages", id, "reactions", reaction]) => (Self::Unreact, vec![id, reaction]),
            ("POST", ["interactive", "v1", "card", "update"]) => (Self::UpdateCard, vec![]),
            _ => return None,
        })
    }

    pub(super) fn token_kind(self) -> Option<TokenKind> {
        match self {
            Self::AppToken => Some(TokenKind::App),
            Self::TenantToken => Some(TokenKind::Tenant),
            _ => None,
        }
    }

    /// The call only looks something up.
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::BotInfo | Self::ChatInfo | Self::GetMessage | Self::ListReactions)
    }

    /// One of these scopes is needed; none, where the list is empty.
    pub(super) fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::AppToken | Self::BotInfo | Self::TenantToken | Self::UpdateCard => &[],
            Self::ChatInfo => &["im:chat", "im:chat:readonly", "im:chat:read"],
            Self::Delete => &["im:message", "im:message:send_as_bot", "im:message:recall"],
            Self::Edit | Self::PatchCard => &["im:message", "im:message:send_as_bot", "im:message:update"],
            Self::GetMessage => &["im:message", "im:message:readonly"],
            Self::ListReactions => &["im:message", "im:message:readonly", "im:message.reactions:read"],
            Self::React | Self::Unreact => &["im:message", "im:message.reactions:write_only"],
            Self::Reply | Self::Send => &["im:message", "im:message:send_as_bot", "im:message:send"],
        }
    }
}
