"""What the checks do through the REST API: users, tokens, threads, and what happens in them."""

import base64
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

SECONDS = 15
IDENTITY = "api-version=2023-10-01"
CHAT = "api-version=2025-03-15"


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: bytes, headers: http.client.HTTPMessage):
        text = body.decode(errors="replace")
        super().__init__(f"{status} {text[:300]}")
        self.status = status
        self.headers = headers
        try:
            self.error = json.loads(text).get("error", {})
        except ValueError:
            self.error = {}


class Server:
    """A server, as the variables describe it that `samband run` and `samband dev --env-file` set."""

    def __init__(self, environment: Mapping[str, str]):
        self.endpoint = environment.get("SAMBAND_ENDPOINT", "")
        self.where = urlsplit(self.endpoint)
        self.key = environment.get("SAMBAND_ACCESS_KEY", "")
        self.operator = {"Authorization": "Bearer " + environment.get("SAMBAND_ADMIN_TOKEN", "")}
        self.tls = ssl.create_default_context(cafile=environment.get("SAMBAND_CA_FILE"))
        # Each thread's connection for requests that are answered at once.
        self.kept = threading.local()

    def connection(self) -> http.client.HTTPConnection:
        host, port = self.where.hostname, self.where.port
        if self.where.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=self.tls)

    def call(self, method: str, path: str, headers: dict[str, str], body: object = None) -> dict:
        """One request; its answer's JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        if not hasattr(self.kept, "wire"):
            self.kept.wire = self.connection()
        try:
            self.kept.wire.request(method, path, content, {"Content-Type": kind} | headers)
            answer = self.kept.wire.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            # It connects anew with the next request.
            self.kept.wire.close()
            raise
        if answer.status >= 300:
            raise Refused(answer.status, text, answer.headers)
        return json.loads(text) if text else {}

    def signed(self, method: str, path: str, body: bytes = b"", key: str = "", host: str = "") -> dict[str, str]:
        """The headers that prove an access key (docs/rest.md)."""
        host = host or self.where.netloc
        date = email.utils.formatdate(usegmt=True)
        content = base64.b64encode(hashlib.sha256(body).digest()).decode()
        text = f"{method}\n{path}\n{date};{host};{content}"
        secret = base64.b64decode(key or self.key)
        signature = base64.b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
        proof = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
        return {"Authorization": proof, "x-ms-date": date, "x-ms-content-sha256": content, "Host": host}

    def identities(self, path: str, body: object = None) -> dict:
        content = b"" if body is None else json.dumps(body).encode()
        path = f"/identities{path}?{IDENTITY}"
        return self.call("POST", path, self.signed("POST", path, content), body)

    def admin(self, method: str, path: str, body: object = None) -> dict:
        return self.call(method, "/_samband/v1/admin" + path, self.operator, body)


# The server under test.
HERE = Server(os.environ)


class User:
    """A user with a token, and what it does."""

    def __init__(self, raw_id: str, token: str, name: str, server: Server):
        self.id = raw_id
        self.token = token
        self.name = name
        self.server = server

    @classmethod
    def create(cls, name: str, scopes: tuple[str, ...] = ("chat",), server: Server = HERE) -> "User":
        made = server.identities("", {"createTokenWithScopes": scopes})
        return cls(made["identity"]["id"], made["accessToken"]["token"], name, server)

    @classmethod
    def create_in(cls, resource: str, name: str) -> "User":
        users = f"/resources/{resource}/users"
        raw_id = HERE.admin("POST", users)["id"]
        issued = HERE.admin("POST", f"{users}/{quote(raw_id, safe='')}/:issueAccessToken", {"scopes": ["chat"]})
        return cls(raw_id, issued["token"], name, HERE)

    def another_token(self) -> str:
        return self.server.identities(f"/{quote(self.id, safe='')}/:issueAccessToken", {"scopes": ["chat"]})["token"]

    def revoke(self) -> None:
        self.server.identities(f"/{quote(self.id, safe='')}/:revokeAccessTokens")

    def end(self) -> None:
        """Deletes the user."""
        path = f"/identities/{quote(self.id, safe='')}?{IDENTITY}"
        self.server.call("DELETE", path, self.server.signed("DELETE", path))

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def identifier(self) -> dict:
        return {"rawId": self.id, "communicationUser": {"id": self.id}}

    def participant(self) -> dict:
        return {"communicationIdentifier": self.identifier, "displayName": self.name}

    def chat(self, method: str, path: str, body: object = None) -> dict:
        return self.server.call(method, f"/chat/{path}?{CHAT}", self.bearer, body)

    def create_thread(self, topic: str, *others: "User") -> str:
        everybody = [user.participant() for user in (self, *others)]
        return self.chat("POST", "threads", {"topic": topic, "participants": everybody})["chatThread"]["id"]

    def in_thread(self, method: str, thread: str, path: str, body: object = None) -> dict:
        return self.chat(method, f"threads/{quote(thread, safe='')}{path}", body)

    def send(self, thread: str, content: str, **more: object) -> str:
        body = {"content": content, "type": "text", "senderDisplayName": self.name} | more
        return self.in_thread("POST", thread, "/messages", body)["id"]

    def edit(self, thread: str, message: str, content: str, metadata: dict) -> None:
        self.in_thread("PATCH", thread, f"/messages/{message}", {"content": content, "metadata": metadata})

    def delete(self, thread: str, message: str) -> None:
        self.in_thread("DELETE", thread, f"/messages/{message}")

    def read(self, thread: str, message: str) -> None:
        self.in_thread("POST", thread, "/readReceipts", {"chatMessageId": message})

    def type(self, thread: str) -> None:
        self.in_thread("POST", thread, "/typing", {"senderDisplayName": self.name})

    def set_topic(self, thread: str, topic: str) -> None:
        self.in_thread("PATCH", thread, "", {"topic": topic})

    def add(self, thread: str, *users: "User") -> None:
        body = {"participants": [user.participant() for user in users]}
        refused = self.in_thread("POST", thread, "/participants/:add", body).get("invalidParticipants")
        if refused:
            raise AssertionError(f"participants refused: {refused}")

    def remove(self, thread: str, user: "User") -> None:
        self.in_thread("POST", thread, "/participants/:remove", user.identifier)

    def delete_thread(self, thread: str) -> None:
        self.in_thread("DELETE", thread, "")
