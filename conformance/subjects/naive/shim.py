"""The shim of a naive client, as somebody wrote it by conformance/README.md alone."""
import json, os, sys, threading
out, sys.stdout = sys.stdout, sys.stderr      # what the client prints is no protocol
import naive

lock = threading.Lock()
def say(**line):
    with lock:
        print(json.dumps(line), flush=True, file=out)

start = json.loads(sys.stdin.readline())
for setting in start["settings"]:
    say(**{"is": "unimplemented", "what": f"settings.{setting}"})
    os._exit(89)

def on_event(event):
    header = event["header"]
    line = {"is": "event", "event_type": header["event_type"], "event_id": header["event_id"]}
    message = event["event"].get("message")
    if message:
        line["message_id"] = message["message_id"]
    say(**line)

bot = naive.Client(start["app_id"], start["app_secret"], domain=start["base_url"], on_event=on_event)
say(**{"is": "ready", "conform": 1, "client": "naive", "version": "0"})

def obey():
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "stop":
            bot.close()
        else:
            say(**{"is": "unimplemented", "what": command.get("call", command["do"])})
            os._exit(89)
    os._exit(0)

threading.Thread(target=obey, daemon=True).start()
bot.run()
say(**{"is": "ended", "how": "stopped"})
