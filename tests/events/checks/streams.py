"""Server-sent events, read line by line: how they begin, resuming, filters."""

import base64
from concurrent.futures import ThreadPoolExecutor

from runner.check import Group, expect
from runner.live import live
from runner.rest import HERE, Refused, User
from runner.stream import Stream, kinds, path
from runner.story import Story

GROUP = Group()
GRID = "Microsoft.Communication."
SENDERS, EACH = 8, 30


def refused(
    status: int, who: User | dict, query: dict | None = None, headers: dict | None = None, code: str | None = None
) -> dict:
    """The error of a stream that must not start."""
    try:
        with Stream(who, query, headers):
            pass
    except Refused as error:
        expect(error.status == status, f"{error}, not {status}")
        expect(error.error.get("code") and error.error.get("message"), f"no envelope: {error}")
        expect(code is None or error.error["code"] == code, f"code {error.error['code']}, not {code}")
        return error.error
    raise AssertionError(f"the stream started; it must be refused with {status}")


def bot(query: dict | None = None) -> dict[str, str]:
    """An access key's proof; it covers the query."""
    return HERE.signed("GET", path(query))


@GROUP.check("server-sent events: headers, retry, a position before the first event, no event lines")
def beginning() -> None:
    ann = User.create("Ann")
    with Stream(ann) as stream:
        kind = stream.answer.headers["Content-Type"]
        expect(kind.partition(";")[0] == "text/event-stream", f"Content-Type is {kind}")
        cache = stream.answer.headers["Cache-Control"] or ""
        expect("no-store" in cache or "no-cache" in cache, f"Cache-Control is {cache!r}")
        lines = [stream.answer.readline() for _ in range(3)]
        expect(lines[0] == b"retry: 1000\n", lines)
        expect(lines[1].startswith(b"id: ") and lines[2] == b"\n", lines)
        thread = ann.create_thread("Begun")
        expect(stream.answer.readline().startswith(b"id: "), "no id line")
        expect(stream.answer.readline().startswith(b'data: {"specversion":"1.0",'), "no data line")
        expect(stream.answer.readline() == b"\n", "no empty line")
        message = ann.send(thread, "x")
        expect(len(stream.until(thread, message)) == 1, "more than the message")


@GROUP.check("resuming: from the position before the first event")
def first_position() -> None:
    ann = User.create("Ann")
    with Stream(ann) as stream:
        start = stream.start()
    thread = ann.create_thread("Missed")
    message = ann.send(thread, "Missed")
    for query, headers in ((None, {"Last-Event-ID": start}), ({"after": start}, None)):
        with Stream(ann, query, headers) as stream:
            told = kinds(stream.until(thread, message))
            expect(told == ["ChatThreadCreatedWithUser", "ChatMessageReceived"], told)
    with Stream(ann) as stream:
        # Without a position it starts now.
        last = ann.send(thread, "Now")
        expect(len(stream.until(thread, last)) == 1, "it told what was before")


def happen() -> tuple[User, Story, str, str]:
    """One of everything that is stored, several participants at once among it; a message ends it."""
    story = Story()
    ann, bob, carl, dora = (User.create(name) for name in ("Ann", "Bob", "Carl", "Dora"))
    thread = story.create_thread("Everything", ann, bob)
    first = story.send(thread, ann, "First")
    story.edit(thread, ann, first, "First, edited", {})
    second = story.send(thread, bob, "Second")
    story.read(thread, ann, second)
    story.read(thread, bob, first)
    story.add(thread, ann, carl, dora, User.create("Emil"))
    story.set_topic(thread, bob, "Renamed")
    story.remove(thread, bob, carl)
    story.delete(thread, bob, second)
    last = story.send(thread, ann, "Last")
    return bob, story, thread, last


@GROUP.check("resuming: after each position comes exactly what followed it, on both levels")
def every_position() -> None:
    with Stream(User.create("Start")) as stream:
        start = stream.start()
    bob, story, thread, last = happen()
    for reader in (bob, None):
        def follow(after: str) -> list[dict]:
            with Stream(reader or bot(), headers={"Last-Event-ID": after}) as stream:
                return [event for event in stream.until(thread, last) if event["data"].get("threadId") in story.members]

        whole = follow(start)
        # What was deleted is replayed as its deletion alone.
        expected = sorted(told.type_for(reader) for told in story.heard_by(reader))
        expected.remove((GRID + "ChatMessageReceived") + ("" if reader else "InThread"))
        expect(sorted(event["type"] for event in whole) == expected, f"replayed: {kinds(whole)}")
        positions = [event["position"] for event in whole]
        expect(len(set(positions)) == len(positions), f"a position twice: {positions}")
        for number, position in enumerate(positions[:-1]):
            came, rest = follow(position), whole[number + 1:]
            expect(came == rest, f"after {kinds(whole)[:number + 1]} came {kinds(came)}, not {kinds(rest)}")


@GROUP.check("many threads at once: all is told, once, live in the same order as when resuming")
def many_threads() -> None:
    bob = User.create("Bob")
    senders = [User.create(f"Sender {number}") for number in range(SENDERS)]
    threads = [sender.create_thread("At once", bob) for sender in senders]
    with Stream(bob) as live, Stream(bot()) as whole:
        start = live.start()
        whole.start()
        with ThreadPoolExecutor(SENDERS) as pool:
            send = lambda pair: [pair[0].send(pair[1], str(number)) for number in range(EACH)]
            sent = list(pool.map(send, zip(senders, threads)))
        last = senders[0].send(threads[0], "last")
        sent[0].append(last)
        told = live.until(threads[0], last)
        of_threads = [event for event in whole.until(threads[0], last) if event["data"].get("threadId") in threads]
    with Stream(bob, headers={"Last-Event-ID": start}) as again:
        expect(again.until(threads[0], last) == told, "resuming tells something else, or in another order")
    for name, events in (("user level", told), ("thread level", of_threads)):
        for thread, messages in zip(threads, sent):
            heard = [event["data"]["messageId"] for event in events if event["data"]["threadId"] == thread]
            expect(heard == messages, f"{name}: {len(heard)} of {len(messages)} in a thread, or in another order")


@GROUP.check("resuming: Last-Event-ID wins over after")
def header_wins() -> None:
    ann = User.create("Ann")
    thread = ann.create_thread("Two positions")
    with Stream(ann) as stream:
        messages = [ann.send(thread, text) for text in ("one", "two", "three")]
        one, two, _ = stream.take(3)
    with Stream(ann, {"after": one["position"]}, {"Last-Event-ID": two["position"]}) as stream:
        expect(stream.next()["data"]["messageId"] == messages[2], "it resumed after `after`")
    with Stream(ann, {"after": two["position"]}, {"Last-Event-ID": one["position"]}) as stream:
        expect(stream.next()["data"]["messageId"] == messages[1], "it resumed after `after`")


@GROUP.check("resuming: typing is told live, has no position, and is never told again")
def typing_is_not_replayed() -> None:
    ann, bob = User.create("Ann"), User.create("Bob")
    thread = ann.create_thread("Typing", bob)
    with Stream(bob) as stream:
        live(bob, stream)
        start = stream.last
        ann.type(thread)
        event = stream.next()
        expect(event["type"] == "Samband.ChatTypingIndicatorReceived", event["type"])
        expect("position" not in event and stream.last == start, "typing has a position")
    message = ann.send(thread, "typed")
    with Stream(bob, headers={"Last-Event-ID": start}) as stream:
        expect(kinds(stream.until(thread, message)) == ["ChatMessageReceived"], "typing was told again")


@GROUP.check("resuming: of a message that was deleted since comes its deletion alone, on both levels")
def deleted_message() -> None:
    ann, bob = User.create("Ann"), User.create("Bob")
    thread = ann.create_thread("Deleted", bob)
    with Stream(bob) as stream:
        start = stream.start()
    message = ann.send(thread, "secret")
    ann.edit(thread, message, "still secret", {})
    ann.delete(thread, message)
    last = ann.send(thread, "last")
    for who, deleted in ((bob, "ChatMessageDeleted"), (bot({"thread": thread}), "ChatMessageDeletedInThread")):
        with Stream(who, {"thread": thread}, {"Last-Event-ID": start}) as stream:
            told = kinds(stream.until(thread, last))[:-1]
        expect(told == [deleted], f"told {told}")


@GROUP.check("resuming: of a thread that was deleted since comes its deletion alone, on both levels")
def deleted_thread() -> None:
    ann, bob = User.create("Ann"), User.create("Bob")
    marker = ann.create_thread("Marker", bob)
    with Stream(bob) as stream:
        start = stream.start()
    thread = ann.create_thread("Deleted", bob)
    ann.send(thread, "secret")
    ann.delete_thread(thread)
    last = ann.send(marker, "last")
    query = {"thread": [thread, marker]}
    for who, deleted in ((bob, "ChatThreadWithUserDeleted"), (bot(query), "ChatThreadDeleted")):
        with Stream(who, query, {"Last-Event-ID": start}) as stream:
            told = kinds(stream.until(marker, last))[:-1]
        expect(told == [deleted], f"told {told}")


@GROUP.check("positions: what is none is 400, another store's is 410")
def forged_positions() -> None:
    ann = User.create("Ann")
    with Stream(ann) as stream:
        good = stream.start()
    for wrong in ("nonsense", "%00", good[:-3], good + "AAAA", "A" * 5000):
        for query, headers in (({"after": wrong}, None), (None, {"Last-Event-ID": wrong})):
            refused(400, ann, query, headers, "BadRequest")
    # Positions are opaque; this one flips bits where samband keeps what tells stores apart.
    octets = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    octets[4] ^= 0xFF
    foreign = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    for query, headers in (({"after": foreign}, None), (None, {"Last-Event-ID": foreign})):
        refused(410, ann, query, headers, "PositionExpired")


@GROUP.check("filters: threads")
def threads() -> None:
    ann, bob = User.create("Ann"), User.create("Bob")
    one, two, three = (ann.create_thread(f"Thread {number}", bob) for number in (1, 2, 3))
    with Stream(bob, {"thread": one}) as alone, Stream(bob, {"thread": [one, three]}) as both:
        start = both.start()
        for thread in (two, one, three, two):
            ann.send(thread, "x")
        last = ann.send(one, "last")
        told = [event["data"]["threadId"] for event in alone.until(one, last)]
        expect(told == [one, one], "one thread: others were told")
        told = [event["data"]["threadId"] for event in both.until(one, last)]
        expect(told == [one, three, one], "two threads: not what happened in them")
    with Stream(bob, {"thread": three}, {"Last-Event-ID": start}) as stream:
        marker = ann.send(three, "marker")
        told = [event["data"]["threadId"] for event in stream.until(three, marker)]
        expect(told == [three, three], "resumed: not what happened in the thread")
    refused(400, bob, {"thread": "19:nonsense"}, code="BadRequest")
    refused(400, bob, {"threads": one}, code="BadRequest")
    # A thread of others is no secret's door: it gives nothing.
    stranger = User.create("Stranger")
    own = stranger.create_thread("Own")
    with Stream(stranger, {"thread": [one, own]}) as stream:
        ann.send(one, "not for strangers")
        last = stranger.send(own, "own")
        expect(len(stream.until(own, last)) == 1, "a stranger heard of a thread")


@GROUP.check("filters: types")
def types() -> None:
    ann, bob = User.create("Ann"), User.create("Bob")
    edited, typing = GRID + "ChatMessageEdited", "Samband.ChatTypingIndicatorReceived"
    received = GRID + "ChatMessageReceived"
    with Stream(bob, {"type": [edited, typing]}) as some, Stream(bob, {"type": received}) as messages:
        start = some.start()
        live(bob, some)
        thread = ann.create_thread("Types", bob)
        message = ann.send(thread, "x")
        ann.type(thread)
        ann.edit(thread, message, "y", {})
        last = ann.send(thread, "last")
        told = sorted(event["type"] for event in some.take(2))
        expect(told == sorted([edited, typing]), told)
        told = [event["type"] for event in messages.until(thread, last)]
        expect(told == [received] * 2, told)
    with Stream(bob, {"type": edited}, {"Last-Event-ID": start}) as stream:
        expect(stream.next()["type"] == edited, "resumed: another type")
    error = refused(400, bob, {"type": "Samband.Nonsense"}, code="BadRequest")
    expect(edited in error["message"] and typing in error["message"], f"the known types are not named: {error}")
    # Each level has its own.
    refused(400, bob, {"type": GRID + "ChatMessageReceivedInThread"}, code="BadRequest")
    refused(400, bot({"type": edited}), {"type": edited}, code="BadRequest")


@GROUP.check("filters: control events come whatever is asked for")
def control_events() -> None:
    ann = User.create("Ann")
    with Stream(ann, {"type": GRID + "ChatMessageEdited"}) as stream:
        stream.start()
        ann.revoke()
        event = stream.next()
        expect(event and event["type"] == "Samband.Closing", f"came {event}")
        expect(event["data"] == {"reason": "revoked"}, event["data"])
        expect(stream.next() is None, "the stream went on after Samband.Closing")
