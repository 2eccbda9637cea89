"""Holds the requests of the platform's webhooks against the official Python SDK, and makes requests by its rules.

    check.py REQUESTS OUTPUT

REQUESTS are JSON lines of the example `webhook_requests`. Each is given to the SDK's own handlers without a network: they
must take it, find in it what was put in, and refuse it with one character changed. OUTPUT gets as many requests encrypted
by the library that the SDK decrypts with; each was taken by the SDK, too. One JSON object per result on standard output.
"""

import base64
import hashlib
import json
import logging
import os
import random
import sys
import time

import lark_oapi as lark
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from lark_oapi.core.model import RawRequest

CHARACTERS = 'aZ0 "\\/\n\x01\x7fé你好\u2028👋🚀'
STAMP = ("X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature")


def handle(kind, encrypt_key, token, headers, body):
    """What the SDK answers, and what its handler was called with."""
    seen = []
    if kind == "card":
        handler = lark.CardActionHandler.builder("", token).register(seen.append).build()
    else:
        builder = lark.EventDispatcherHandler.builder(encrypt_key, token)
        builder.register_p1_customized_event("larkwire.test_v1", seen.append)
        builder.register_p2_customized_event("larkwire.test_v1", seen.append)
        handler = builder.build()
    request = RawRequest()
    request.uri, request.headers, request.body = "/lark", headers, body.encode()
    response = handler.do(request)
    return response.status_code, json.loads(response.content) if response.status_code == 200 else None, seen


def problem(line):
    """Why the SDK does not take a request of the platform, or None."""
    kind, expected = line["kind"], line["expected"]
    status, answer, seen = handle(kind, line["encrypt_key"], line["verification_token"], line["headers"], line["body"])
    if status != 200:
        return f"status {status}"
    if kind == "challenge":
        stamped = [name for name in STAMP if name in line["headers"]]
        return f"it has {stamped}" if stamped else None if answer.get("challenge") else f"the answer is {answer}"
    if len(seen) != 1:
        return f"{len(seen)} events"
    if kind == "card":
        return None if seen[0].action.value == expected["action"]["value"] else "another action"
    event = dict(seen[0].event)
    if kind == "event_v1":
        event = {name: event.get(name) for name in expected["event"]}
    event_id = seen[0].uuid if kind == "event_v1" else seen[0].header.event_id
    return None if (event_id, event) == (expected["event_id"], expected["event"]) else "another event"


def changed(text, at):
    """With another letter or digit at this place."""
    return text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]


def accepted_changes(line):
    """Which changes of a signed request the SDK takes all the same."""
    taken = []
    for name in (*STAMP, "body"):
        headers, body = dict(line["headers"]), line["body"]
        if name == "body":
            # Inside the base64, or of a card inside the token for its update: still JSON.
            body = changed(body, len(body) // 2 if line["kind"] != "card" else body.index('"c-1"') + 3)
        else:
            headers[name] = changed(headers[name], len(headers[name]) - 1)
        if handle(line["kind"], line["encrypt_key"], line["verification_token"], headers, body)[0] == 200:
            taken.append(name)
    return taken


def text(least, most):
    return "".join(random.choices(CHARACTERS, k=random.randint(least, most)))


def made(number):
    """A request by the SDK's rules; `plain` is the text that is encrypted in it."""
    kind = ("event_v2", "event_v1", "challenge", "card")[number % 4 if number % 20 < 4 else number % 2]
    encrypt_key, token = "k" + text(0, 63), f"{random.getrandbits(128):032x}"
    event_id = f"{random.getrandbits(128):032x}"
    event = {"text": text(0, 20_000 if number % 50 == 0 else 300)}
    ids = {"app_id": "cli_0123456789abcdef", "tenant_key": "tenant"}
    if kind == "event_v2":
        header = {"event_id": event_id, "event_type": "larkwire.test_v1", "create_time": "1700000000000", "token": token}
        plain = {"schema": "2.0", "header": {**header, **ids}, "event": event}
    elif kind == "event_v1":
        event = {**event, "type": "larkwire.test_v1", **ids}
        plain = {"ts": "1700000000.1", "uuid": event_id, "token": token, "type": "event_callback", "event": event}
    elif kind == "challenge":
        plain = {"challenge": text(0, 60), "token": token, "type": "url_verification"}
    else:
        plain = {"open_id": "ou_1", "open_message_id": "om_1", "open_chat_id": "oc_1", "token": "c-1", "action": event}
    # Escaped or not, with blanks or not: all of it is JSON.
    style = {"ensure_ascii": random.random() < 0.5, "separators": random.choice([(",", ":"), (", ", ": ")])}
    plain = json.dumps(plain, **style)
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Request-Id": f"{random.getrandbits(64):016x}"}
    body, secret, digest = plain, token, hashlib.sha1
    if kind != "card":
        iv = os.urandom(AES.block_size)
        cipher = AES.new(hashlib.sha256(encrypt_key.encode()).digest(), AES.MODE_CBC, iv)
        encrypted = base64.b64encode(iv + cipher.encrypt(pad(plain.encode(), AES.block_size))).decode()
        body, secret, digest = json.dumps({"encrypt": encrypted}, **style), encrypt_key, hashlib.sha256
    if kind != "challenge":
        timestamp, nonce = str(int(time.time())), str(random.getrandbits(random.randint(1, 64)))
        signature = digest((timestamp + nonce + secret).encode() + body.encode()).hexdigest()
        headers.update(zip(STAMP, (timestamp, nonce, signature)))
    return {
        "kind": kind,
        "encrypt_key": encrypt_key,
        "verification_token": token,
        "headers": headers,
        "body": body,
        "plain": plain,
    }


def taken_by_sdk(line):
    # The SDK does not escape challenges, so its answer to one need not be JSON.
    try:
        arguments = (line[name] for name in ("kind", "encrypt_key", "verification_token", "headers", "body"))
        return handle(*arguments)[0] == 200
    except ValueError:
        return line["kind"] == "challenge"


def report(name, of, problems):
    print(json.dumps({"name": name, "of": of, "good": of - len(problems), "problems": problems[:3]}), flush=True)


def main():
    requests, output = sys.argv[1:]
    # It logs every refusal with a traceback, and there are thousands.
    logging.disable(logging.CRITICAL)
    with open(requests, encoding="utf-8") as lines:
        lines = [json.loads(line) for line in lines]
    for name, kinds in (
        ("events", ("event_v1", "event_v2")),
        ("url_verification requests", ("challenge",)),
        ("old card callbacks", ("card",)),
    ):
        some = [line for line in lines if line["kind"] in kinds]
        problems = [why for line in some if (why := problem(line))]
        report(f"{name} are verified and read", len(some), problems if some else ["there are none"])
    signed = [line for line in lines if line["kind"] != "challenge"][:200]
    problems = [f"taken with another {name}" for line in signed for name in accepted_changes(line)]
    report("changed requests are refused", 4 * len(signed), problems)
    some = [made(number) for number in range(1000)]
    report("requests made by its rules", len(some), [line["kind"] for line in some if not taken_by_sdk(line)])
    with open(output, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in some)


if __name__ == "__main__":
    main()
