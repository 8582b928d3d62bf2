"""An HTTP/1.1 connection of our own, for many clients in one process: requests, and answers that do not end."""

import asyncio
import json
import ssl
from dataclasses import dataclass


class Broken(Exception):
    """The connection ended or said something that is no HTTP: the outcome is not known."""


# What a call may raise. A timeout leaves the connection in the middle of something: it is to be closed.
CALL_TROUBLE = (Broken, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ssl.SSLError)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""

    def json(self) -> dict:
        return json.loads(self.body) if self.body else {}

    @property
    def code(self) -> str:
        try:
            return self.json().get("error", {}).get("code", "")
        except (ValueError, AttributeError):
            return ""


class Wire:
    """Connects with the first request, and again with the next one after it was closed."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None):
        self.host, self.port, self.tls = host, port, tls
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        limit = 1 << 20
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=limit)

    def close(self) -> None:
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def send(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        if self.writer is None or self.reader.at_eof() or self.writer.is_closing():
            # A connection that the server has closed meanwhile, as it may.
            self.close()
            await self.open()
        head = {"Host": f"{self.host}:{self.port}", "Content-Length": str(len(body))} | (headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        await self.writer.drain()

    async def head(self) -> Answer:
        line = await self.reader.readline()
        parts = line.split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.1") or not line.endswith(b"\n"):
            raise Broken(f"the answer began with {line[:80]!r}" if line else "closed without an answer")
        headers = {}
        while (line := await self.reader.readline()) != b"\r\n":
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise Broken("the answer ended within its headers")
            headers[name.strip().lower()] = value.strip()
        return Answer(int(parts[1]), headers)

    async def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: object = None, seconds: float = 5.0,
    ) -> Answer:
        """A request and its whole answer. A body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if content else {}
        try:
            return await asyncio.wait_for(self.exchange(method, path, kind | (headers or {}), content), seconds)
        except BaseException:
            self.close()
            raise

    async def exchange(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Answer:
        await self.send(method, path, headers, content)
        answer = await self.head()
        if answer.headers.get("transfer-encoding") == "chunked":
            pieces = [piece async for piece in self.chunks()]
            answer.body = b"".join(pieces)
        else:
            answer.body = await self.reader.readexactly(int(answer.headers.get("content-length", "0")))
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    async def chunks(self):
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\r\n"):
                raise Broken("ended within a chunked answer")
            size = int(line.split(b";")[0], 16)
            data = await self.reader.readexactly(size + 2)
            if size == 0:
                return
            yield data[:-2]
