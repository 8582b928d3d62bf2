"""Nodes of samband on one store, driven over plain HTTP as any client would."""

import base64
import email.utils
import hashlib
import hmac
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

from .loop import Client, Sample, drive
from .machine import Child, Fault, free_port
from .nats import Nats
from .postgres import Postgres

BATCH = 1000
IDENTITY = "api-version=2023-10-01"
CHAT = "api-version=2024-03-07"


def takes(samband: Path, flag: str) -> bool:
    shown = subprocess.run([samband, "serve", "--help"], capture_output=True, text=True, check=False)
    return flag in shown.stdout


class Node:
    def __init__(self, samband: Path, home: Path, store: str | None, bus: str | None):
        self.home, self.port = home, free_port()
        home.mkdir()
        self.host = f"127.0.0.1:{self.port}"
        command = [samband, "serve", "--data", home, "--listen", f"127.0.0.1:{free_port()}"]
        command += ["--http-listen", self.host, "--log-level", "warn", "--env-file", home / "ready.env"]
        command += ["--store", store] if store else []
        command += ["--bus", bus] if bus else []
        self.child = Child(command, home.with_suffix(".log"))
        self.child.until((home / "ready.env").exists, "readiness")
        said = dict(re.findall(r"^(?:export )?(SAMBAND_\w+)=['\"]?([^'\"\n]*)", (home / "ready.env").read_text(), re.M))
        self.key = said["SAMBAND_ACCESS_KEY"]

    def request(self, wire: http.client.HTTPConnection, method: str, path: str, headers: dict, body: object) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        wire.request(method, path, content, {"Content-Type": "application/json"} | headers)
        answer = wire.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Fault(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def signed(self, wire: http.client.HTTPConnection, path: str, body: object) -> dict:
        """With the access key, as docs/rest.md has it."""
        content = base64.b64encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode()
        date = email.utils.formatdate(usegmt=True)
        text = f"POST\n{path}\n{date};{self.host};{content}"
        signature = base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), "sha256")).decode()
        proof = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
        headers = {"Authorization": proof, "x-ms-date": date, "x-ms-content-sha256": content, "Host": self.host}
        return json.loads(self.request(wire, "POST", path, headers, body))

    def users(self, count: int, token: bool) -> list[tuple[str, str]]:
        """Ids and tokens."""
        body = {"createTokenWithScopes": ["chat"]} if token else {}

        def part(many: int) -> list[tuple[str, str]]:
            wire = self.connection()
            made = [self.signed(wire, f"/identities?{IDENTITY}", body) for _ in range(many)]
            wire.close()
            return [(user["identity"]["id"], user.get("accessToken", {}).get("token", "")) for user in made]

        with ThreadPoolExecutor(8) as pool:
            shares = [count // 8 + (number < count % 8) for number in range(8)]
            return [user for users in pool.map(part, shares) for user in users]

    def thread(self, token: str, members: list[str]) -> str:
        """A thread, filled as an app would: the creation with some, the rest in batches."""
        wire, headers = self.connection(), {"Authorization": f"Bearer {token}"}
        named = [{"communicationIdentifier": {"rawId": member}} for member in members]
        body = {"topic": "load", "participants": named[:BATCH]}
        made = json.loads(self.request(wire, "POST", f"/chat/threads?{CHAT}", headers, body))
        thread = quote(made["chatThread"]["id"], safe="")
        for at in range(BATCH, len(named), BATCH):
            body = {"participants": named[at : at + BATCH]}
            self.request(wire, "POST", f"/chat/threads/{thread}/participants/:add?{CHAT}", headers, body)
        wire.close()
        return thread

    def count(self, token: str, thread: str) -> int:
        """The messages of a thread, page by page."""
        wire, found = self.connection(), 0
        path = f"/chat/threads/{thread}/messages?maxPageSize=200&{CHAT}"
        while path:
            page = self.request(wire, "GET", path, {"Authorization": f"Bearer {token}"}, None)
            found += page.count(b'"type":"text"')
            link = re.search(rb'"nextLink":"([^"]*)"', page)
            parts = urlsplit(link[1].decode()) if link else None
            path = f"{parts.path}?{parts.query}" if parts else ""
        wire.close()
        return found


class Sender(Client):
    """The answer 201 is given once the message is stored."""

    def __init__(self, node: Node, token: str, thread: str, text: str):
        body = json.dumps({"content": text, "type": "text"})
        head = f"POST /chat/threads/{thread}/messages?{CHAT} HTTP/1.1\r\nHost: {node.host}\r\n"
        head += f"Authorization: Bearer {token}\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
        sock = socket.create_connection(("127.0.0.1", node.port), 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.answers = 0

    def done(self) -> bool:
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        at = head.lower().find(b"content-length:")
        if at < 0 or len(body) < int(head[at + 15 :].split(b"\r\n", 1)[0]):
            return False
        if not head.startswith(b"HTTP/1.1 201"):
            raise Fault(f"a send was answered with {self.buffer[:500]!r}")
        self.answers += 1
        return True


class Listener:
    """A user's open event stream; counts messages."""

    def __init__(self, node: Node, token: str):
        self.sock = socket.create_connection(("127.0.0.1", node.port), 30)
        head = f"GET /_samband/v1/events HTTP/1.1\r\nHost: {node.host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.sock.sendall(head.encode())
        self.buffer, self.heard = b"", 0
        while b"\nid: " not in self.buffer and b"\r\nid: " not in self.buffer:
            data = self.sock.recv(65536)
            self.buffer += data
            if not data or not self.buffer.startswith(b"HTTP/1.1 200"[: len(self.buffer)]):
                raise Fault(f"no event stream: {self.buffer[:300]!r}")
        self.sock.setblocking(False)
        self.buffer = b""

    def hear(self) -> int:
        mark = b"ChatMessageReceived"
        while True:
            try:
                data = self.sock.recv(1 << 20)
            except BlockingIOError:
                return self.heard
            if not data:
                raise Fault("an event stream ended")
            self.buffer += data
            # An event is told by its type, once; only a mark's beginning is kept.
            self.heard += self.buffer.count(mark)
            last = self.buffer.rfind(mark)
            self.buffer = self.buffer[last + len(mark) if last >= 0 else 0 :][-len(mark) + 1 :]


class Samband:
    """One or several nodes with senders, each in a thread of its own."""

    def __init__(self, root: Path, samband: Path, nodes: int, postgres: Postgres | None, nats: Nats | None):
        self.postgres, self.nats = postgres, nats
        store = postgres.fresh("samband") if postgres else None
        home = root / "samband"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        self.nodes: list[Node] = []
        self.senders: list[tuple[Node, str, str]] = []
        self.answers: dict[str, int] = {}
        try:
            for number in range(nodes):
                self.nodes.append(Node(samband, home / f"node{number}", store, nats.url if nats else None))
        except Fault:
            self.stop()
            raise

    def groups(self) -> dict[str, list[int]]:
        groups = {"server": [node.child.pid for node in self.nodes]}
        groups |= {"postgres": [self.postgres.child.pid]} if self.postgres else {}
        return groups | ({"nats": [self.nats.child.pid]} if self.nats else {})

    def prepare(self, senders: int, size: int) -> None:
        users = self.nodes[0].users(senders + size, True)
        for number in range(senders):
            node = self.nodes[number % len(self.nodes)]
            members = [user for user, _ in users[number : number + size]]
            token = users[number][1]
            self.senders.append((node, token, node.thread(token, members)))

    def measure(self, senders: int, length: int, warmup: float, seconds: float) -> Sample:
        text = ("Nobody reads this, it is here to weigh. " * (length // 40 + 1))[:length]
        clients = [Sender(*sender, text) for sender in self.senders[:senders]]
        before = self.postgres.written() if self.postgres else None
        sample, answered = drive(clients, self.groups(), warmup, seconds)
        sample.more |= self.postgres.cost(before, answered) if before else {}
        for (_, _, thread), client in zip(self.senders, clients):
            self.answers[thread] = self.answers.get(thread, 0) + client.answers
            client.sock.close()
        sample.more["answered"] = answered
        return sample

    def verify(self) -> int:
        """Every accepted message is in its thread; read from the node after the one that accepted it."""
        total = 0
        for node, token, thread in self.senders:
            other = self.nodes[(self.nodes.index(node) + 1) % len(self.nodes)]
            found, sent = other.count(token, thread), self.answers.get(thread, 0)
            if found != sent:
                raise Fault(f"{sent} messages were accepted in a thread, {found} are in it")
            total += found
        return total

    def counted(self, members: int, where: list[int], messages: int) -> dict:
        """NATS's counters for messages to a thread of some size, of whom one is connected to each node of `where`."""
        node = self.nodes[0]
        sender, *listening = node.users(1 + len(where), True)
        silent = node.users(members - 1 - len(where), False)
        thread = node.thread(sender[1], [user for user, _ in [sender, *listening, *silent]])
        listeners = [Listener(self.nodes[at], user[1]) for at, user in zip(where, listening)]
        client = Sender(node, sender[1], thread, "x" * 300)
        time.sleep(1)
        quiet = self.nats.counters()
        began = time.monotonic()
        time.sleep(3)
        before, rest = self.nats.counters(), time.monotonic() - began
        idle = [(now - then) / rest for now, then in zip(before, quiet)]
        began = time.monotonic()
        for _ in range(messages):
            client.send()
            while not client.receive():
                pass
            for listener in listeners:
                listener.hear()
        end = time.monotonic() + 10
        while any(listener.hear() < messages for listener in listeners) and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.5)
        after, took = self.nats.counters(), time.monotonic() - began
        client.sock.close()
        heard = [listener.hear() for listener in listeners]
        for listener in listeners:
            listener.sock.close()
        if any(count != messages for count in heard):
            raise Fault(f"of {messages} messages to a thread of {members}, those connected heard {heard}")
        # What the nodes say to each other without any message is not a message's cost.
        per = [(now - then - rate * took) / messages for now, then, rate in zip(after, before, idle)]
        raw = [(now - then) / messages for now, then in zip(after, before)]
        return {"members": members, "connected": where, "messages": messages, "per": per, "raw": raw, "idle": idle}

    def stop(self) -> None:
        for node in self.nodes:
            node.child.stop()
