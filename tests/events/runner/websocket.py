"""A WebSocket client (RFC 6455): just what the checks need, and in the open, so that they can be rude."""

import base64
import hashlib
import json
import os
import struct

from .rest import HERE, Refused, User
from .schema import must_fit
from .stream import path, proof_of

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    """Raises Refused where the server does not switch. `closed` is the close code, once there is one."""

    def __init__(
        self,
        who: User | dict[str, str] | None,
        query: dict | None = None,
        protocols: list[str] | None = None,
    ):
        proof, server = proof_of(who, HERE)
        wire = server.connection()
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
        if protocols:
            headers["Sec-WebSocket-Protocol"] = ", ".join(protocols)
        wire.request("GET", path(query), headers=headers | proof)
        answer = wire.getresponse()
        if answer.status != 101:
            try:
                raise Refused(answer.status, answer.read(), answer.headers)
            finally:
                wire.close()
        accepted = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()
        if answer.headers["Sec-WebSocket-Accept"] != accepted:
            raise AssertionError(f"Sec-WebSocket-Accept is {answer.headers['Sec-WebSocket-Accept']}")
        self.protocol = answer.headers["Sec-WebSocket-Protocol"]
        # The answer's own buffer: it may have read the first frames already. `wire` has let go of it.
        self.source, self.wire, self.answer = answer.fp, wire, answer
        self.closed: int | None = None
        self.ignored: set[str] = set()
        self.pongs: list[bytes] = []
        first = self.any()
        if first is None or first["type"] != "Samband.Connected":
            raise AssertionError(f"the first event is {first}")
        self.position = first["data"]["position"]

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()
        self.wire.close()

    def send(self, message: object) -> None:
        """A text as it is, anything else as JSON."""
        self.frame(TEXT, (message if isinstance(message, str) else json.dumps(message)).encode())

    def frame(self, kind: int, payload: bytes, last: bool = True) -> None:
        head = bytes([(0x80 if last else 0) | kind])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
        # A mask of zeroes is a mask.
        self.wire.sock.sendall(head + bytes(4) + payload)

    def read(self, count: int) -> bytes:
        data = self.source.read(count)
        if len(data) < count:
            raise ConnectionError("the connection ended within a frame")
        return data

    def next(self) -> dict | None:
        """The next event; none once the server has closed."""
        while (event := self.any()) and event["data"].get("threadId") in self.ignored:
            pass
        return event

    def any(self) -> dict | None:
        while True:
            first, second = self.read(2)
            if first & 0x70 or second & 0x80 or not first & 0x80:
                raise AssertionError(f"an odd frame: {first:#x} {second:#x}")
            length = second & 0x7F
            if length >= 126:
                form = ">H" if length == 126 else ">Q"
                (length,) = struct.unpack(form, self.read(struct.calcsize(form)))
            payload = self.read(length)
            kind = first & 0x0F
            if kind == TEXT:
                return must_fit(json.loads(payload.decode()))
            if kind == CLOSE:
                self.closed = struct.unpack(">H", payload[:2])[0] if payload else 1005
                return None
            if kind == PING:
                self.frame(PONG, payload)
            elif kind == PONG:
                self.pongs.append(payload)
            else:
                raise AssertionError(f"a frame of kind {kind}")

    def take(self, count: int) -> list[dict]:
        events = [self.next() for _ in range(count)]
        if None in events:
            raise AssertionError(f"closed with {self.closed} after {events.index(None)} of {count} events")
        return events
