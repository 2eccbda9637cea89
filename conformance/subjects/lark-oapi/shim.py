"""The official Python SDK behind the shim protocol: its long connection, event dispatcher and API client."""

import gc
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from protocol import begin, callback_answer, handle_event, leave, listen, ready, say, unimplemented  # noqa: E402

# It hands over the messages of everybody, and the platform's ReconnectCount is its limit.
start = begin([("allow_bots", True), ("follow_reconnect_count", True)])

gc.disable()  # the import is the slow part of a start, and a quarter of it is this
import lark_oapi as lark  # noqa: E402
from lark_oapi.api.im import v1 as im  # noqa: E402
from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse  # noqa: E402
from lark_oapi.event.callback.model.p2_url_preview_get import P2URLPreviewGetResponse  # noqa: E402

gc.enable()


def report(data):
    header, event, message = data.header, data.event, getattr(data.event, "message", None)
    if header is None:  # an envelope of version 1
        line = {"event_type": event["type"], "event_id": data.uuid, "message_id": event.get("open_message_id")}
    else:
        line = {"event_type": header.event_type, "event_id": header.event_id}
    for name in ("message_id", "chat_id", "chat_type") if message else ():
        line[name] = getattr(message, name)
    say("event", **line)


def on_event(data):
    report(data)
    handle_event()


def on_callback(response):
    def handler(data):
        report(data)
        return response(callback_answer())

    return handler


def build(kind, **members):
    builder = kind.builder()
    for name, value in members.items():
        getattr(builder, name)(value)
    return builder.build()


def ask(method, name, body=None, **members):
    if body:
        members["request_body"] = build(getattr(im, f"{name}RequestBody"), **body)
    return method(build(getattr(im, f"{name}Request"), **members))


def raw(method, uri, **members):  # what the SDK has no types for
    tenant = {lark.AccessTokenType.TENANT}
    return api.request(build(lark.BaseRequest, http_method=method, uri=uri, token_types=tenant, **members))


def request(call):
    message, reaction = api.im.v1.message, api.im.v1.message_reaction
    to = {"message_id": call["message_id"]} if "message_id" in call else {}
    card = {"content": json.dumps(call.get("card"))}
    content = {"msg_type": "interactive", **card}
    if "text" in call:
        content = {"msg_type": "text", "content": json.dumps({"text": call["text"]})}
    emoji = build(im.Emoji, emoji_type=call.get("emoji_type"))
    requests = {
        "reply": lambda: ask(
            message.reply, "ReplyMessage", {**content, "reply_in_thread": call.get("in_thread", False)}, **to
        ),
        "send": lambda: ask(
            message.create,
            "CreateMessage",
            {"receive_id": call["receive_id"], **content},
            receive_id_type=call.get("receive_id_type", "chat_id"),
        ),
        "edit": lambda: ask(message.update, "UpdateMessage", content, **to),
        "patch_card": lambda: ask(message.patch, "PatchMessage", card, **to),
        "recall": lambda: ask(message.delete, "DeleteMessage", **to),
        "react": lambda: ask(reaction.create, "CreateMessageReaction", {"reaction_type": emoji}, **to),
        "unreact": lambda: ask(reaction.delete, "DeleteMessageReaction", reaction_id=call["reaction_id"], **to),
        "chat_info": lambda: ask(api.im.v1.chat.get, "GetChat", chat_id=call["chat_id"]),
        "bot_info": lambda: raw(lark.HttpMethod.GET, "/open-apis/bot/v3/info"),
        "update_card": lambda: raw(
            lark.HttpMethod.POST,
            "/open-apis/interactive/v1/card/update",
            headers={"Content-Type": "application/json"},
            body={"token": call["token"], "card": call["card"]},
        ),
    }
    if call["call"] not in requests:
        unimplemented(f"call.{call['call']}")
    return requests[call["call"]]()


def perform(call):
    response = request(call)
    if not response.success():
        return {"ok": False, "code": response.code, "text": response.msg}
    data = getattr(response, "data", None)
    result = {name: getattr(data, name, None) for name in ("message_id", "reaction_id")}
    if call["call"] == "bot_info":
        result["open_id"] = json.loads(response.raw.content)["bot"]["open_id"]
    return {"ok": True, **result}


app, domain = (start["app_id"], start["app_secret"]), start["base_url"]
api = build(lark.Client, app_id=app[0], app_secret=app[1], domain=domain)
builder = lark.EventDispatcherHandler.builder("", "")
for name in (
    "im_message_receive_v1 im_message_message_read_v1 im_message_recalled_v1 im_message_reaction_created_v1 "
    "im_message_reaction_deleted_v1 im_chat_member_bot_added_v1 im_chat_member_bot_deleted_v1 im_chat_member_user_added_v1 "
    "im_chat_access_event_bot_p2p_chat_entered_v1 application_bot_menu_v6"
).split():
    getattr(builder, f"register_p2_{name}")(on_event)
builder.register_p2_customized_event("drive.notice.comment_add_v1", on_event)
builder.register_p1_customized_event("message", on_event)
builder.register_p1_customized_event("app_open", on_event)
builder.register_p2_card_action_trigger(on_callback(P2CardActionTriggerResponse))
builder.register_p2_url_preview_get(on_callback(P2URLPreviewGetResponse))
ready("lark-oapi")
listen(perform, leave)  # without `ended`: this SDK cannot be stopped
try:
    lark.ws.Client(*app, event_handler=builder.build(), domain=domain).start()
except Exception as error:
    code = error.code if isinstance(getattr(error, "code", None), int) else None
    say("ended", how="fatal", code=code, text=f"{type(error).__name__}: {error}")
leave()
