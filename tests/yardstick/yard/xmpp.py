"""As much of XMPP as the load needs: log in, own a room, send, and know when the message is archived."""

import base64
import re
import socket

from .loop import Client
from .machine import Fault

HOST, ROOMS = "localhost", "conference.localhost"
OPEN = (
    f"<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
)


class Session:
    """A user's connection, blocking: for all that comes before the load."""

    def __init__(self, port: int, user: str, password: str):
        self.user, self.number = user, 0
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = ""
        proof = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.say(OPEN, "</stream:features>")
        self.say(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{proof}</auth>", "<success")
        self.say(OPEN, "</stream:features>")
        self.ask("set", "", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind>")

    def say(self, text: str, until: str) -> str:
        """Writes, and reads until something has come."""
        self.buffer = ""
        self.sock.sendall(text.encode())
        while not re.search(until, self.buffer):
            data = self.sock.recv(65536)
            if not data:
                raise Fault(f"{self.user}: the server closed after {self.buffer[-500:]!r}")
            self.buffer += data.decode()
            if "<failure" in self.buffer or "<stream:error" in self.buffer:
                raise Fault(f"{self.user}: {self.buffer[-500:]}")
        return self.buffer

    def ask(self, kind: str, to: str, query: str) -> None:
        self.number += 1
        target = f" to='{to}'" if to else ""
        mark = f"id='q{self.number}'"
        answer = self.say(f"<iq type='{kind}' {mark}{target}>{query}</iq>", f"<iq [^>]*{mark}")
        if "type='error'" in answer:
            raise Fault(f"{self.user}: {answer[-500:]}")

    def own_room(self, room: str, members: list[str]) -> str:
        """Joins a room, which makes it, and writes its members down. The server keeps it (persistent)."""
        address = f"{room}@{ROOMS}"
        muc = "http://jabber.org/protocol/muc"
        join = f"<x xmlns='{muc}'><history maxstanzas='0'/></x>"
        self.say(f"<presence to='{address}/{self.user}'>{join}</presence>", "code='110'.*<subject.*</message>|<subject/>")
        form = f"<query xmlns='{muc}#owner'><x xmlns='jabber:x:data' type='submit'/></query>"
        self.ask("set", address, form)
        items = "".join(f"<item affiliation='member' jid='{member}@{HOST}'/>" for member in members)
        self.ask("set", address, f"<query xmlns='{muc}#admin'>{items}</query>")
        return address

    def manage_stream(self) -> None:
        self.say("<enable xmlns='urn:xmpp:sm:3'/>", "<enabled [^>]*>")


class RoomSender(Client):
    """A message to a room is archived before the room reflects it to those who are in it: here, the sender."""

    def __init__(self, session: Session, room: str, text: str):
        message = f"<message to='{room}' type='groupchat' id='m'><body>{text}</body></message>"
        super().__init__(session.sock, message.encode())

    def done(self) -> bool:
        if not self.buffer.endswith(b"</message>"):
            return False
        if b"<stanza-id " not in self.buffer or b" type='error'" in self.buffer:
            raise Fault(f"a message was not archived: {self.buffer!r}")
        return True


class DirectSender(Client):
    """A message to a user is archived for both before the stream takes up what follows: the question for an ack."""

    def __init__(self, session: Session, to: str, text: str):
        message = f"<message to='{to}@{HOST}' type='chat' id='m'><body>{text}</body></message><r xmlns='urn:xmpp:sm:3'/>"
        super().__init__(session.sock, message.encode())
        self.sent = 0

    def done(self) -> bool:
        if not self.buffer.endswith(b">"):
            return False
        self.sent += 1
        if not re.fullmatch(rb"<a (?=[^>]*h='%d')[^>]*/>" % self.sent, self.buffer):
            raise Fault(f"instead of ack {self.sent}: {self.buffer!r}")
        return True
