"""The shim protocol for clients in Python: lines in and out, and what handlers were told to do."""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

# SDKs log to standard output, which belongs to the protocol.
out, sys.stdout = sys.stdout, sys.stderr
writing = threading.Lock()
changed = threading.Condition()
mode = {"events": "take", "callback_answer": {}, "callback_after_ms": 0}

# A setting that asks for what every client does.
NOTHING = {
    "allowed_users": ["*"],
    "mention_only": False,
    "respond_to_mention_all": False,
    "ack_reactions": "off",
    "follow_reconnect_count": False,
    "retry_fatal": False,
}


def begin(known):
    """The first line; `known` are settings the client has, by name or as name and value."""
    start = json.loads(sys.stdin.readline())
    for name, value in start["settings"].items():
        if name not in known and (name, value) not in [*known, *NOTHING.items()]:
            unimplemented(f"settings.{name}")
    return start


def say(kind, **line):
    """Writes a line; members without value are left out."""
    text = json.dumps({"is": kind, **{name: value for name, value in line.items() if value is not None}})
    with writing:
        out.write(text + "\n")
        out.flush()


def ready(package):
    say("ready", conform=1, client=package, version=version(package))


def leave(code=0):
    """Ends the process, whatever its threads are waiting for."""
    sys.stderr.flush()
    os._exit(code)


def unimplemented(what):
    say("unimplemented", what=what)
    leave(89)


def handle_event():
    """What a handler does with an event that it has reported."""
    with changed:
        changed.wait_for(lambda: mode["events"] != "hold")
        if mode["events"] == "fail":
            raise RuntimeError("the handler fails, as it was told")


def callback_answer():
    """What a handler answers a callback with, when it is time."""
    answer, after_ms = mode["callback_answer"], mode["callback_after_ms"]  # as they are when the callback comes
    time.sleep(after_ms / 1000)
    if answer is not None:
        return answer
    with changed:
        changed.wait_for(lambda: mode["callback_answer"] is not None)
        return mode["callback_answer"]


def listen(perform, stop, cannot=()):
    """Does what the suite says. `perform` takes a call and returns the members of its result; `cannot` are members of
    `handle` that the client can only have as they are at the start."""

    def call(line):
        try:
            result = perform(line)
        except Exception as error:
            result = {"ok": False, "text": f"{type(error).__name__}: {error}"}
        say("result", id=line["id"], **result)

    def run():
        pool = ThreadPoolExecutor(16)
        for line in map(json.loads, sys.stdin):
            if line["do"] == "call":
                pool.submit(call, line)
            elif line["do"] == "handle":
                for name in cannot:
                    if line.get(name, mode[name]) != mode[name]:
                        unimplemented(f"handle.{name}")
                with changed:
                    mode.update(line)
                    changed.notify_all()
            elif line["do"] == "stop":
                return stop()
        leave()

    threading.Thread(target=run, daemon=True).start()
