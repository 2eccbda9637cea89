"""A quick client of the Lark/Feishu long connection: what one writes in an hour, to see what the suite finds in it.

Not meant to be used. It is kept as it was written, with its mistakes.
"""
import json, os, socket, struct, threading, time, base64, urllib.request
from urllib.parse import urlparse, parse_qs

def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])

def read_varint(b, i):
    n = shift = 0
    while True:
        n |= (b[i] & 127) << shift; shift += 7; i += 1
        if b[i - 1] < 128:
            return n, i

def fields(b):
    i = 0
    while i < len(b):
        tag, i = read_varint(b, i)
        value, i = read_varint(b, i)
        if tag & 7 == 2:
            value, i = b[i:i + value], i + value
        yield tag >> 3, value

def decode(b):
    frame = {"headers": {}}
    for no, value in fields(b):
        if no == 5:
            h = dict(fields(value))
            frame["headers"][h[1].decode()] = h[2].decode()
        else:
            frame[no] = value
    return frame

def text(no, s):
    return varint(no << 3 | 2) + varint(len(s)) + s

def encode(frame):
    out = b"".join(varint(no << 3) + varint(frame.get(no, 0)) for no in (1, 2, 3, 4))
    for k, v in frame["headers"].items():
        out += text(5, text(1, k.encode()) + text(2, v.encode()))
    return out + (text(8, frame[8]) if 8 in frame else b"")

class Client:
    def __init__(self, app_id, app_secret, domain="https://open.feishu.cn", on_event=print):
        self.app_id, self.app_secret, self.domain, self.on_event = app_id, app_secret, domain, on_event
        self.closed, self.sock, self.ping_interval = False, None, 120

    def connect(self):
        body = json.dumps({"AppID": self.app_id, "AppSecret": self.app_secret}).encode()
        req = urllib.request.Request(self.domain + "/callback/ws/endpoint", body, {"Content-Type": "application/json"})
        data = json.load(urllib.request.urlopen(req))["data"]
        self.ping_interval = data["ClientConfig"]["PingInterval"]
        url = urlparse(data["URL"])
        self.service = int(parse_qs(url.query)["service_id"][0])
        self.sock = socket.create_connection((url.hostname, url.port or 80))
        self.sock.sendall((f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.file = self.sock.makefile("rb")
        if b"101" not in self.file.readline():
            raise OSError("upgrade refused")
        while self.file.readline() != b"\r\n":
            pass

    def send(self, data, opcode=2):
        n, mask = len(data), os.urandom(4)
        size = bytes([n | 128]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
        self.sock.sendall(bytes([128 | opcode]) + size + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(data)))

    def ping(self, sock):
        while sock is self.sock:
            self.send(encode({3: self.service, "headers": {"type": "ping"}}))
            time.sleep(self.ping_interval)

    def receive(self):
        op, n = self.file.read(2)
        if n == 126: n, = struct.unpack(">H", self.file.read(2))
        elif n == 127: n, = struct.unpack(">Q", self.file.read(8))
        return op & 15, self.file.read(n)

    def run(self):
        while not self.closed:
            try:
                self.connect()
                threading.Thread(target=self.ping, args=(self.sock,), daemon=True).start()
                while True:
                    op, data = self.receive()
                    if op == 9: self.send(data, 10)
                    elif op == 8: break
                    elif op == 2:
                        frame = decode(data)
                        if frame[4] == 1:
                            start = time.time()
                            self.on_event(json.loads(frame[8]))
                            frame["headers"]["biz_rt"] = str(int((time.time() - start) * 1000))
                            frame[8] = b'{"code":200}'
                            self.send(encode(frame))
            except Exception as error:
                print("lost:", error)
            if not self.closed: time.sleep(1)

    def close(self):
        self.closed = True
        if self.sock: self.sock.shutdown(socket.SHUT_RDWR)

if __name__ == "__main__":
    Client(os.environ["APP_ID"], os.environ["APP_SECRET"]).run()
