"""Requests as they go over the wire, and their answers. Nothing is checked or mended on the way: a request
may be as wrong as its maker wants."""

import base64
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import shlex
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECONDS = 30


@dataclass
class Request:
    method: str
    # The path and query as they are sent, percent-encoded.
    target: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    # A user access token; "key" for the signature of the access key; "" for no proof at all.
    proof: str = ""

    def curl(self) -> str:
        """A command line like it. Whose token or signature it carried is said, not shown."""
        parts = ["curl", "-X", self.method]
        for name, value in self.headers.items():
            parts += ["-H", f"{name}: {value}"]
        if self.proof:
            parts += [
                "-H",
                "authorization: <signed with the access key>"
                if self.proof == "key"
                else "authorization: Bearer <token>",
            ]
        if self.body:
            parts += ["--data-binary", self.shown()]
        return shlex.join(parts) + f' "$SAMBAND_ENDPOINT"{shlex.quote(self.target)}'

    def shown(self) -> str:
        try:
            text = self.body.decode()
        except UnicodeDecodeError:
            return repr(self.body[:200])
        return text if len(text) <= 600 else f"{text[:600]}... ({len(self.body)} bytes)"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)

    def short(self) -> str:
        return f"{self.status} {self.body[:300].decode('utf-8', 'replace')}"


class Broken(Exception):
    """The server ended the connection instead of answering."""


class Server:
    """The server that the variables of `samband run` and `samband dev --env-file` describe."""

    def __init__(self) -> None:
        self.endpoint = os.environ["SAMBAND_ENDPOINT"].rstrip("/")
        self.where = urlsplit(self.endpoint)
        self.key = os.environ["SAMBAND_ACCESS_KEY"]
        self.tls = ssl.create_default_context(cafile=os.environ.get("SAMBAND_CA_FILE"))
        self.connection: http.client.HTTPConnection | None = None

    def connect(self) -> http.client.HTTPConnection:
        if self.where.scheme == "http":
            return http.client.HTTPConnection(self.where.hostname, self.where.port, timeout=SECONDS)
        return http.client.HTTPSConnection(self.where.hostname, self.where.port, timeout=SECONDS, context=self.tls)

    def send(self, request: Request) -> Answer:
        headers = {"Host": self.where.netloc}
        if request.proof == "key":
            headers |= self.signature(request)
        elif request.proof:
            headers["Authorization"] = f"Bearer {request.proof}"
        headers |= request.headers
        # A server may close a connection that it kept open at any time, so a kept one has a second try.
        for fresh in (self.connection is None, True):
            try:
                return self.exchange(request, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if fresh or isinstance(error, TimeoutError):
                    raise Broken(f"{type(error).__name__}: {error}") from error
        raise AssertionError("unreachable")

    def exchange(self, request: Request, headers: dict[str, str]) -> Answer:
        if self.connection is None:
            self.connection = self.connect()
        self.connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value.encode("latin-1", "replace"))
        if request.body or request.method in ("POST", "PATCH", "PUT"):
            self.connection.putheader("Content-Length", str(len(request.body)))
        self.connection.endheaders(request.body or None)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.will_close:
            self.close()
        return Answer(answer.status, answer.headers, body)

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None

    def signature(self, request: Request) -> dict[str, str]:
        """The headers that prove an access key (docs/rest.md)."""
        date = email.utils.formatdate(usegmt=True)
        content = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        text = f"{request.method}\n{request.target}\n{date};{self.where.netloc};{content}"
        signed = base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), "sha256")).decode()
        return {
            "x-ms-date": date,
            "x-ms-content-sha256": content,
            "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signed}",
        }
