"""The official Python SDK with a handler that reads the type and the content of every event, and counts."""

import json
import os
import sys
import threading

out, sys.stdout = sys.stdout, sys.stderr  # the SDK logs to standard output, where the counts go

import lark_oapi as lark  # noqa: E402

events = 0


def on_message(data):
    global events
    if data.header.event_type == "im.message.receive_v1" and data.event.message.content:
        events += 1


def answer():
    for _ in sys.stdin:
        out.write(json.dumps({"events": events}) + "\n")
        out.flush()
    os._exit(0)


threading.Thread(target=answer, daemon=True).start()
handler = lark.EventDispatcherHandler.builder("", "").register_p2_im_message_receive_v1(on_message).build()
app = ("cli_0123456789abcdef", "secret")
lark.ws.Client(*app, event_handler=handler, domain=os.environ["SPEED_URL"]).start()
