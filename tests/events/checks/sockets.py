"""The stream over a WebSocket: how it opens, what is told, what can be sent, how it closes."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from runner.check import Group, Skip, expect
from runner.live import live
from runner.rest import HERE, Refused, User
from runner.schema import MESSAGES
from runner.stream import PATH, Stream, is_received, kinds
from runner.websocket import PING, TEXT, WebSocket

GROUP = Group()
PROTOCOL = "cloudevents.json"
TYPING = "Samband.ChatTypingIndicatorReceived"
NODE_CLIENT = Path(__file__).with_name("socket.mjs")


def thread_of_two() -> tuple[User, User, str]:
    ann, bob = User.create("Ann"), User.create("Bob")
    return ann, bob, ann.create_thread("Sockets", bob)


def offer(user: User) -> list[str]:
    return [PROTOCOL, f"samband.token.{user.token}"]


@GROUP.check("WebSocket: a token in the header or as subprotocol; the answer is cloudevents.json")
def opening() -> None:
    ann, bob, thread = thread_of_two()
    for who, protocols, answered in ((None, offer(bob), PROTOCOL), (bob, [PROTOCOL], PROTOCOL), (bob, None, None)):
        with WebSocket(who, protocols=protocols) as socket:
            expect(socket.protocol == answered, f"the subprotocol is {socket.protocol}")
            message = ann.send(thread, "x")
            expect(socket.next()["data"]["messageId"] == message, "another event")
    for who, protocols in ((None, None), (None, [PROTOCOL]), (None, [PROTOCOL, "samband.token.x.y.z"])):
        try:
            with WebSocket(who, protocols=protocols):
                raise AssertionError(f"it opened with {protocols}")
        except Refused as error:
            expect(error.status == 401, error)


@GROUP.check("WebSocket: the same events as by server-sent events")
def same_events() -> None:
    ann, bob, _ = thread_of_two()
    with WebSocket(bob) as socket, Stream(bob) as stream:
        # Who still catches up hears things as they are by then.
        live(bob, socket, stream)
        thread = ann.create_thread("Twice", bob)
        message = ann.send(thread, "ä😀\u2028")
        ann.edit(thread, message, "edited", {})
        ann.read(thread, message)
        ann.set_topic(thread, "renamed")
        ann.delete_thread(thread)
        expect(stream.take(6) == socket.take(6), "they differ")


@GROUP.check("WebSocket: says its position before the first event, and resumes after that too")
def beginning() -> None:
    ann, bob, thread = thread_of_two()
    with WebSocket(bob) as socket:
        position = socket.position
    message = ann.send(thread, "while away")
    with WebSocket(bob, {"after": position}) as socket:
        expect(socket.next()["data"]["messageId"] == message, "another event")


@GROUP.check("WebSocket: resumes after a position")
def resuming() -> None:
    ann, bob, thread = thread_of_two()
    with WebSocket(bob) as socket:
        ann.send(thread, "heard")
        position = socket.next()["position"]
    missed = [ann.send(thread, text) for text in ("one", "two")]
    with WebSocket(bob, {"after": position}) as socket:
        expect(socket.position == position, "it does not begin where it was asked to")
        missed.append(ann.send(thread, "three"))
        told = [event["data"]["messageId"] for event in socket.take(3)]
        expect(told == missed, f"told {told}, not {missed}")
    try:
        with WebSocket(bob, {"after": "nonsense"}):
            raise AssertionError("it opened with a position that is none")
    except Refused as error:
        expect(error.status == 400, error)


def sendable(message: dict) -> dict:
    """What the schema lets clients send."""
    error = next(MESSAGES.iter_errors(message), None)
    expect(error is None, f"the schema refuses {message}: {error and error.message}")
    return message


@GROUP.check("WebSocket: typing that is sent is told to all, and nothing is answered")
def typing() -> None:
    ann, bob, thread = thread_of_two()
    with WebSocket(ann) as socket, Stream(bob) as stream:
        live(ann, socket)
        live(bob, stream)
        for name in ("Ann", None):
            message = {"type": "typing", "threadId": thread} | ({"senderDisplayName": name, "id": "1"} if name else {})
            socket.send(sendable(message))
            for event in (stream.next(), socket.next()):
                expect(event["type"] == TYPING, event)
                expect(event["data"]["senderId"] == ann.id, "another sender")
                expect(event["data"]["threadId"] == thread, "another thread")
                expect(event["data"]["senderDisplayName"] == (name or ""), event["data"]["senderDisplayName"])
        # No answer stands between the typing and this.
        message = bob.send(thread, "x")
        expect(socket.next()["data"].get("messageId") == message, "something was answered")


@GROUP.check("WebSocket: what cannot be done is answered by Samband.Error")
def errors() -> None:
    ann, bob, thread = thread_of_two()
    foreign = User.create("Carl").create_thread("Foreign")
    with WebSocket(bob) as socket:
        for message, number, code in (
            ("no JSON", None, None),
            ("[]", None, None),
            ({"type": "dance", "id": "2"}, "2", None),
            ({"id": "3"}, "3", None),
            ({"type": "typing", "id": "4"}, "4", None),
            ({"type": "typing", "threadId": "19:nonsense", "id": "5"}, "5", None),
            ({"type": "typing", "threadId": foreign, "id": "6"}, "6", "Forbidden"),
            ({"type": "token", "token": "x.y.z", "id": "7"}, "7", "Unauthorized"),
            ({"type": "token", "token": ann.another_token(), "id": "8"}, "8", None),
        ):
            socket.send(message)
            event = socket.next()
            expect(event and event["type"] == "Samband.Error", f"{message} was answered by {event}, {socket.closed}")
            expect(event["data"].get("id") == number, f"{message} was answered for id {event['data'].get('id')}")
            given = event["data"]["error"]["code"]
            expect(code is None or given == code, f"{message}: code {given}, not {code}")
        # It still listens.
        message = ann.send(thread, "x")
        expect(socket.next()["data"]["messageId"] == message, "another event")
    with WebSocket(HERE.signed("GET", PATH)) as socket:
        socket.send({"type": "typing", "threadId": thread, "id": "9"})
        while (event := socket.next()) and event["type"] != "Samband.Error":
            pass
        expect(event and event["data"]["id"] == "9", "an access key may type")


@GROUP.check("WebSocket: 64 KiB are read, a byte more closes with 1009")
def too_big() -> None:
    bob = User.create("Bob")
    with WebSocket(bob) as socket:
        socket.send("x" * (64 * 1024))
        event = socket.next()
        expect(event and event["type"] == "Samband.Error", f"64 KiB: {event}, close code {socket.closed}")
        try:
            socket.send("x" * (64 * 1024 + 1))
        except OSError:
            pass  # The server may be gone before all is sent; what it said can still be read.
        event = socket.next()
        expect(event is None and socket.closed == 1009, f"64 KiB and 1: {event}, close code {socket.closed}")


@GROUP.check("WebSocket: a ping is answered, a message may come in pieces")
def frames() -> None:
    bob = User.create("Bob")
    with WebSocket(bob) as socket:
        socket.frame(PING, b"are you there")
        socket.frame(TEXT, b'{"type":', last=False)
        socket.frame(0, b'"dance"}')
        event = socket.next()
        expect(event["type"] == "Samband.Error" and "target" in event["data"]["error"], event)
        expect(socket.pongs == [b"are you there"], f"pongs: {socket.pongs}")


@GROUP.check("WebSocket: a newer token of the same user is taken")
def renewal() -> None:
    ann, bob, thread = thread_of_two()
    with WebSocket(bob) as socket:
        socket.send(sendable({"type": "token", "token": bob.another_token()}))
        message = ann.send(thread, "x")
        event = socket.next()
        expect(event["data"].get("messageId") == message, f"it was answered: {event}")


@GROUP.check("WebSocket: revocation is told and closes with 1008, and so does the end of a user")
def revocation() -> None:
    for end in (User.revoke, User.end):
        bob = User.create("Bob")
        with WebSocket(bob) as socket:
            end(bob)
            event = socket.next()
            expect(event and event["type"] == "Samband.Closing", f"came {event}, close code {socket.closed}")
            expect(event["data"] == {"reason": "revoked"}, event["data"])
            expect(socket.next() is None and socket.closed == 1008, f"close code {socket.closed}")
        try:
            with WebSocket(bob):
                raise AssertionError("it opened with a token that counts no more")
        except Refused as error:
            expect(error.status == 401, error)


@GROUP.check("slow readers: told of the gap, closed with 1013; its position goes on where they were")
def slow_readers() -> None:
    ann, bob, thread = thread_of_two()
    with Stream(bob) as stream, WebSocket(bob) as socket:
        stream.start()
        # More than all buffers on the way hold.
        sent = [ann.send(thread, f"{number} " + "x" * 24_000) for number in range(700)]
        for reader in (stream, socket):
            heard = []
            while (event := reader.next()) and is_received(event):
                heard.append(event["data"]["messageId"])
            expect(event, f"it ended without Samband.Gap after {len(heard)} events")
            expect(event["type"] == "Samband.Gap" and event["data"]["reason"] == "slowConsumer", event)
            expect(reader.next() is None, "it went on after the gap")
            expect(0 < len(heard) < len(sent), f"{len(heard)} of {len(sent)} came")
            with Stream(bob, headers={"Last-Event-ID": event["data"]["lastPosition"]}) as again:
                more = [event["data"]["messageId"] for event in again.until(thread, sent[-1])]
            expect(heard + more == sent, "the gap's position missed or repeated something")
        expect(socket.closed == 1013, f"close code {socket.closed}")


@GROUP.check("WebSocket: the browsers' client, in Node, with the token as subprotocol")
def node() -> None:
    if not shutil.which("node"):
        raise Skip("node is not installed")
    ann, bob, thread = thread_of_two()
    # The flag is for Node 20 and 21; newer ones take it as well.
    script = subprocess.Popen(
        ["node", "--experimental-websocket", str(NODE_CLIENT), thread],
        env=os.environ | {"SAMBAND_TOKEN": bob.token}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        line = script.stdout.readline()
        if line != f"open {PROTOCOL}\n":
            raise AssertionError(f"it printed {line!r} and said {script.communicate(timeout=5)[1][-1000:]!r}")
        # It types until it hears itself.
        told = json.loads(script.stdout.readline())
        expect(told["type"] == TYPING and told["data"]["senderId"] == bob.id, told)
        message = ann.send(thread, "x")
        while (told := json.loads(script.stdout.readline()))["type"] == TYPING:
            pass
        expect(told["data"].get("messageId") == message, f"it printed {kinds([told])}")
        bob.revoke()
        told = json.loads(script.stdout.readline())
        expect(told["type"] == "Samband.Closing", f"it printed {kinds([told])}")
        line = script.stdout.readline()
        expect(line == "close 1008 true\n", f"it printed {line!r}")
    finally:
        script.kill()
        script.wait()
