"""The example clients against a server that plays breaks: within an event, before its last line, a
position that is gone, a server that is busy, a connection that is open and dead, a token that is not good."""

import functools
import json
from concurrent.futures import ThreadPoolExecutor

from runner.check import Group, Skip, expect
from runner.example import COMMANDS, Example, missing
from runner.fake import Fake, Scene

GROUP = Group(background=True)
# A client needs some 40: 30 until it gives up the dead connection, and one before each scene.
SECONDS = 100


def event(number: int) -> bytes:
    text = {"specversion": "1.0", "id": str(number), "data": {"messageBody": "ä😀\u2028\u0085" * number}}
    return f"id: P{number}\ndata: {json.dumps(text, ensure_ascii=False)}\n\n".encode()


def split(text: bytes) -> list[bytes]:
    return [text[at:at + 1] for at in range(len(text))]


# Each scene, and the position with which the client must come to it.
SCENES = [
    # An event, and half of another that ends within a character.
    (None, Scene("200 OK", b"retry: 1000\nid: P0\n\n", event(1), event(2)[:-8], then="break")),
    # All of it but the empty line that makes it count.
    ("P1", Scene("200 OK", b":\n\n", event(2)[:-1], then="break")),
    # Now whole, byte by byte, within characters too.
    ("P1", Scene("200 OK", *split(b":\n\n" + event(2)))),
    ("P2", Scene("410 Gone", b'{"error":{"code":"PositionExpired"}}')),
    (None, Scene("503 Service Unavailable", b'{"error":{"code":"ServiceUnavailable"}}')),
    (None, Scene("200 OK", b"id: P0\n\n", event(3), then="silence")),
    ("P3", Scene("401 Unauthorized", b'{"error":{"code":"Unauthorized"}}')),
]

def play(name: str) -> str | None:
    """What the client does wrong."""
    fake = Fake([scene for _, scene in SCENES])
    client = Example(name, fake.endpoint, "token")
    try:
        ended = client.wait_for(lambda _: client.process.poll() is not None, SECONDS)
        came = [request.get("last-event-id") for request in fake.requests]
        printed = [event["id"] for event in client.events]
        said = client.said()
        kind = "HMAC-SHA256" if name == "bot.py" else "Bearer token"
        if not all(request.get("authorization", "").startswith(kind) for request in fake.requests):
            return f"it came with {fake.requests}"
        wanted = [position for position, _ in SCENES]
        if came != wanted:
            return f"it came with the positions {came}, not {wanted}; it said {said!r}"
        if printed != ["1", "2", "3"]:
            return f"it printed the events {printed}, not 1, 2, 3; it said {said!r}"
        if client.faults:
            return client.faults[0]
        if [event["data"]["messageBody"].count("ä") for event in client.events] != [1, 2, 3]:
            return f"it printed {client.events}"
        if not ended or client.process.returncode == 0 or "Unauthorized" not in said:
            return f"after a 401 it ended {client.process.returncode} and said {said!r}"
        return None
    finally:
        client.stop()
        fake.close()


@functools.cache
def played() -> dict[str, str | None]:
    """All at once: each waits most of the time."""
    names = [name for name in COMMANDS if not missing(name)]
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(play, names)))


def add_check(name: str) -> None:
    @GROUP.check(f"{name}: breaks within events, 410, 503, a dead connection, 401")
    def check() -> None:
        if missing(name):
            raise Skip(f"{missing(name)} is not installed")
        expect(played()[name] is None, played()[name])


for name in COMMANDS:
    add_check(name)
