"""A history (runner/history.py) put in order for the rules that look at it. Nothing is judged here."""

from dataclasses import dataclass, field

OPEN = float("inf")


@dataclass
class Sent:
    """A message that somebody sent. `outcome`: ok, fail, info; info too if nothing was told."""

    who: str
    thread: str
    text: str
    invoked: float
    outcome: str = "info"
    done: float = OPEN
    id: str = ""


@dataclass
class Told:
    """A message that a listener heard: by its stream, or by listing after its position was gone."""

    t: float
    thread: str
    id: str
    text: str
    again: bool
    listed: bool
    # The listener's connection, counted; and how often its position was gone before.
    connection: int
    era: int


@dataclass
class Heard:
    node: str | None = None
    told: list[Told] = field(default_factory=list)
    connections: int = 0
    gaps: int = 0
    eras: int = 0


@dataclass
class Outage:
    began: float
    back: float
    node: str | None


@dataclass
class Facts:
    threads: list[str]
    sent: dict[str, Sent]
    # Texts that were sent more than once, which no sender may.
    resent: list[str]
    listeners: dict[str, Heard]
    reads: list[dict]
    outages: list[Outage]
    # Of each thread what each member found at the end.
    finals: dict[str, dict[str, list[dict]]]
    refusals: list[dict]

    def final(self, thread: str) -> list[dict]:
        """What the first member found."""
        return next(iter(self.finals.get(thread, {}).values()), [])


def facts(history: list[dict]) -> Facts:
    known = Facts([], {}, [], {}, [], [], {}, [])
    for line in history:
        take(known, line, line["kind"])
    return known


def take(known: Facts, line: dict, kind: str) -> None:
    if kind == "thread":
        known.threads.append(line["thread"])
    elif kind == "invoke":
        if line["text"] in known.sent:
            known.resent.append(line["text"])
        known.sent[line["text"]] = Sent(line["who"], line["thread"], line["text"], line["t"])
    elif kind in ("ok", "fail", "info"):
        if kind == "fail":
            known.refusals.append(line)
        if line["text"]:
            sent = known.sent[line["text"]]
            sent.outcome, sent.done, sent.id = kind, line["t"], line.get("id", "")
    elif kind == "read":
        known.reads.append(line)
    elif kind == "outage":
        known.outages.append(Outage(line["began"], line["back"], line["node"]))
    elif kind == "final":
        known.finals.setdefault(line["thread"], {})[line["who"]] = line["messages"]
    elif kind in ("connected", "lost", "event", "gap", "expired", "listed"):
        hear(known.listeners.setdefault(line["who"], Heard()), line, kind)


def hear(listener: Heard, line: dict, kind: str) -> None:
    def told(name: str, text: str, again: bool, listed: bool) -> None:
        listener.told.append(
            Told(line["t"], line["thread"], name, text, again, listed, listener.connections, listener.eras)
        )

    if kind == "connected":
        listener.connections += 1
        listener.node = line["node"]
    elif kind == "gap":
        listener.gaps += 1
    elif kind == "expired":
        listener.eras += 1
    elif kind == "event":
        told(line["id"], line["text"], line["again"], False)
    elif kind == "listed":
        for name, text in line["messages"]:
            if text:
                told(name, text, False, True)
