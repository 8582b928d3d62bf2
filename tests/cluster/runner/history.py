"""What the clients asked, were told and heard, in the order in which it happened: one JSON object a line.

Every line has `t` (seconds since 1970 by a clock that never steps) and `kind`:

    invoke, ok, fail, info    a sender's message: sent; acknowledged with `id`; refused (4xx); outcome unknown
    connected, lost, event    a listener's stream: begins, ends, tells. `again`: the event's id was told before
    gap, expired, listed      the stream said that it leaves something out; its position is gone; listed instead
    read                      a reader's page of the newest messages, asked for at `asked`
    outage                    from `began` to `back` the service, or a node alone, was not to be had
    final                     what a member finds at the end, whole
"""

import json
import time
from pathlib import Path

OFFSET = time.time() - time.monotonic()


def now() -> float:
    return time.monotonic() + OFFSET


class History:
    def __init__(self, path: Path):
        self.path = path
        self.lines: list[dict] = []
        self.file = path.open("w")

    def write(self, kind: str, **fields: object) -> dict:
        line = {"t": round(now(), 6), "kind": kind} | fields
        self.lines.append(line)
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return line

    def close(self) -> None:
        self.file.close()


def read(path: Path) -> list[dict]:
    with path.open() as file:
        return [json.loads(line) for line in file]
