"""The official Channel SDK for Python behind the shim protocol."""

import asyncio
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from protocol import begin, handle_event, leave, listen, mode, ready, say, unimplemented  # noqa: E402

start = begin(
    ["allowed_users", "mention_only", "respond_to_mention_all", "dedup_window_s", "stale_after_s"]
    # It hands over messages of other bots, and the platform's ReconnectCount is its limit.
    + [("allow_bots", True), ("follow_reconnect_count", True)]
)
settings = start["settings"]

from lark_channel import FeishuChannel  # noqa: E402
from lark_channel.channel import config  # noqa: E402
from lark_channel.core.enum import AccessTokenType, HttpMethod  # noqa: E402
from lark_channel.core.model import BaseRequest  # noqa: E402

users = settings.get("allowed_users", ["*"])
mention_only = settings.get("mention_only", False)
policy = config.PolicyConfig(
    require_mention=mention_only,
    respond_to_mention_all=settings.get("respond_to_mention_all", False) or not mention_only,
)
if not users:
    policy.dm_policy = policy.group_policy = "disabled"
elif "*" not in users:
    policy.dm_policy, policy.allow_from = "allowlist", users
    policy.sender_identity_fields = ["open_id", "union_id", "user_id"]
# A bot that answers everybody: no limits of age, and messages one by one.
safety = config.SafetyConfig(
    text_batch=config.TextBatchConfig(delay_ms=0),
    chat_queue=config.ChatQueueConfig(merge_while_busy=False),
    stale_message_window_ms=int(settings.get("stale_after_s", 10**9) * 1000),
)
if "dedup_window_s" in settings:
    safety.dedup.ttl_seconds = settings["dedup_window_s"]
app = {"app_id": start["app_id"], "app_secret": start["app_secret"], "domain": start["base_url"]}
channel = FeishuChannel(
    **app,
    policy=policy,
    safety=safety,
    inbound=config.InboundConfig(reaction_notifications="all"),
)


async def taken():
    while mode["events"] == "hold":  # handlers are coroutines on a loop that calls need, too
        await asyncio.sleep(0.02)
    handle_event()


async def on_message(message):
    say(
        "event",
        event_type="im.message.receive_v1",
        message_id=message.message_id,
        chat_id=message.chat_id,
        chat_type=message.chat_type,
        text=message.body_text,
    )
    await taken()


async def on_other(event):
    envelope = event if isinstance(event, dict) else event.raw
    header = envelope.get("header") or {"event_type": "drive.notice.comment_add_v1"}  # comments come without envelope
    say("event", event_type=header["event_type"], event_id=header.get("event_id"))
    await taken()


def on_reject(event):
    say("note", text=f"rejected {event.message_id}: {event.reason}")


async def update_card(call):  # the SDK has no method for it
    request = BaseRequest.builder().http_method(HttpMethod.POST).token_types({AccessTokenType.TENANT})
    request.uri("/open-apis/interactive/v1/card/update").headers({"Content-Type": "application/json"})
    response = await channel.client.arequest(request.body({"token": call["token"], "card": call["card"]}).build())
    return {"ok": True} if response.success() else {"ok": False, "code": response.code, "text": response.msg}


async def found(looked_up):
    info = await looked_up  # None when it failed, whatever the reason
    return {"ok": info is not None, "open_id": getattr(info, "open_id", None)}


def perform(call):
    kind, to = call["call"], call.get("message_id")
    content = {"card": call["card"]} if "card" in call else {"text": call.get("text")}
    id_type = call.get("receive_id_type", "chat_id")
    reply = {"reply_to": to, "reply_in_thread": call.get("in_thread", False), "reply_target_gone": "fail"}
    calls = {
        "reply": lambda: channel.send("", content, reply),
        "send": lambda: channel.send(call["receive_id"], content, {"receive_id_type": id_type}),
        "edit": lambda: channel.edit_message(to, content),
        "patch_card": lambda: channel.update_card(to, call["card"]),
        "update_card": lambda: update_card(call),
        "recall": lambda: channel.recall_message(to),
        "react": lambda: channel.add_reaction(to, call["emoji_type"]),
        "unreact": lambda: channel.remove_reaction(to, call["reaction_id"]),
        "bot_info": lambda: found(channel.resolve_bot_identity()),
        "chat_info": lambda: found(channel.get_chat_info(call["chat_id"])),
    }
    if kind not in calls:
        unimplemented(f"call.{kind}")
    result = channel.schedule(calls[kind]()).result()
    if isinstance(result, dict):
        return result
    if not result.success:
        return {"ok": False, "code": result.error.raw_code, "text": result.error.hint or result.error.code.value}
    data = (result.raw or {}).get("data") or {}
    return {"ok": True, "message_id": result.message_id, "reaction_id": data.get("reaction_id")}


stopping, ending = threading.Event(), threading.Lock()


def end(how, **line):
    ending.acquire()  # never released: it ends once
    say("ended", how=how, **line)
    leave()


def stop():
    stopping.set()
    channel.stop()
    end("stopped")  # `stop` and `start` wait for each other now and then, 6 s long: the first to return counts


channel.on("message", on_message)
channel.on("reject", on_reject)
for name in ("cardAction", "reaction", "botAdded", "botLeave", "messageRead", "comment"):
    channel.on(name, on_other)
raw = "im.message.recalled_v1 im.chat.member.user.added_v1 im.chat.access_event.bot_p2p_chat_entered_v1 application.bot.menu_v6 url.preview.get"
for name in raw.split():
    channel.on_raw_event(name, on_other)
ready("lark-channel-sdk")
listen(perform, stop, cannot=("callback_answer", "callback_after_ms"))  # it answers callbacks itself, with {}
try:
    channel.start()
    end("stopped") if stopping.is_set() else leave()
except Exception as error:
    code = getattr(error.__cause__, "code", None)
    end("fatal", code=code if isinstance(code, int) else None, text=f"{type(error).__name__}: {error}")
