"""A bot on the official Python SDK: answers every message, and every click with a toast."""

import json
import os

import lark_oapi as lark
from lark_oapi.api.im.v1 import P2ImMessageReceiveV1, ReplyMessageRequest, ReplyMessageRequestBody
from lark_oapi.event.callback.model.p2_card_action_trigger import (
    P2CardActionTrigger,
    P2CardActionTriggerResponse,
)

APP_ID = os.environ["LARK_APP_ID"]
APP_SECRET = os.environ["LARK_APP_SECRET"]
DOMAIN = os.environ["LARK_DOMAIN"]

api = lark.Client.builder().app_id(APP_ID).app_secret(APP_SECRET).domain(DOMAIN).build()


def on_message(data: P2ImMessageReceiveV1) -> None:
    message = data.event.message
    text = json.loads(message.content)["text"]
    print(json.dumps({"event_id": data.header.event_id, "text": text}), flush=True)
    body = ReplyMessageRequestBody.builder().msg_type("text").content(json.dumps({"text": "seen"})).build()
    api.im.v1.message.reply(ReplyMessageRequest.builder().message_id(message.message_id).request_body(body).build())


def on_click(_: P2CardActionTrigger) -> P2CardActionTriggerResponse:
    return P2CardActionTriggerResponse({"toast": {"type": "info", "content": "好的"}})


handler = (
    lark.EventDispatcherHandler.builder("", "")
    .register_p2_im_message_receive_v1(on_message)
    .register_p2_card_action_trigger(on_click)
    .build()
)
lark.ws.Client(APP_ID, APP_SECRET, event_handler=handler, domain=DOMAIN).start()
