"""What takes long: the comment that comes while nothing happens."""

import time

from runner.check import Group, expect
from runner.rest import User
from runner.stream import Stream

GROUP = Group(background=True)


@GROUP.check("server-sent events: a comment after 15 s of silence")
def comment() -> None:
    with Stream(User.create("Alone")) as stream:
        stream.start()
        stream.wire.sock.settimeout(20)
        started = time.monotonic()
        try:
            line = stream.answer.readline()
        except TimeoutError:
            line = b""
        waited = time.monotonic() - started
        expect(line.startswith(b":"), f"after {waited:.1f} s came {line!r}")
        expect(13 < waited < 17, f"the comment came after {waited:.1f} s")
        # A reader whom nothing concerns must not fall out of the window.
        position = stream.last
        expect(stream.block().id, "no position comes with the comment")
