"""The checker against histories made by hand: one that is good, and for each rule some that are not."""

from collections.abc import Callable

from .checker import check

T = "19:thread"
# Ids are milliseconds; the history's seconds begin here.
START = 1_800_000_000.0
LIMIT = 11.0
CASES: list[tuple[str, Callable]] = []


def stamp(seconds: float) -> str:
    return str(int((START + seconds) * 1000))


class Story:
    """Two senders, two listeners at two nodes, a reader, two members who list. Lines may be changed before the check."""

    def __init__(self) -> None:
        self.lines: list[dict] = [{"t": START, "kind": "thread", "thread": T}]
        self.there: list[dict] = []
        self.ends: list[dict] = []
        for who, node in (("l0", "node0"), ("l1", "node1")):
            self.add(0, "connected", who=who, node=node, after=None)

    def add(self, at: float, kind: str, **fields: object) -> dict:
        line = {"t": START + at, "kind": kind} | fields
        self.lines.append(line)
        return line

    def store(self, at: float, text: str) -> str:
        """The message is there."""
        self.there.append({"id": stamp(at), "seq": str(len(self.there) + 1), "text": text})
        return stamp(at)

    def hear(self, at: float, who: str, text: str, name: str, again: bool = False) -> dict:
        return self.add(at, "event", who=who, thread=T, id=name, text=text, event=f"{name}-{who}", again=again)

    def send(self, at: float, text: str, outcome: str = "ok", heard: bool = True) -> str:
        """Sent, answered and heard, all within 50 ms."""
        about = {"who": text.split(":")[0], "thread": T, "text": text}
        self.add(at, "invoke", **about)
        if outcome == "fail":
            self.add(at + 0.04, "fail", **about, status=403, code="Forbidden")
            return ""
        name = self.store(at + 0.01, text) if outcome in ("ok", "kept") else ""
        if heard and name:
            for who in ("l0", "l1"):
                self.hear(at + 0.02, who, text, name)
        if outcome == "ok":
            self.add(at + 0.04, "ok", **about, id=name)
        else:
            self.add(at + 0.04, "info", **about, why="503")
        return name

    def read(self, at: float, names: list[str], whole: bool = True) -> None:
        texts = {message["id"]: message["text"] for message in self.there}
        found = [[name, texts.get(name, "?")] for name in names]
        self.add(at + 0.01, "read", who="r", thread=T, asked=START + at, messages=found, whole=whole)

    def end(self) -> "Story":
        self.ends = [
            self.add(90, "final", who=who, node=None, thread=T, messages=[dict(message) for message in self.there])
            for who in ("m0", "m1")
        ]
        return self

    def rules(self) -> set[str]:
        return set(check(sorted(self.lines, key=lambda line: line["t"]), LIMIT).rules())


def good() -> Story:
    story = Story()
    for number in range(1, 6):
        story.send(number, f"a:{number}")
        story.send(number + 0.5, f"b:{number}")
    story.send(6, "a:6", "kept")
    story.send(7, "a:7", "gone")
    story.send(8, "a:8")
    story.read(8.5, [message["id"] for message in story.there])
    return story


def case(*expected: str):
    """The rules that a story breaks, and no others."""

    def add(tell: Callable[[], Story]) -> Callable:
        def run() -> None:
            found = tell().rules()
            if found != set(expected):
                raise AssertionError(f"found {sorted(found) or 'nothing'}, not {sorted(expected) or 'nothing'}")

        CASES.append((tell.__doc__, run))
        return tell

    return add


def change(story: Story, how: Callable[[list[dict]], None]) -> Story:
    """What both members find at the end, changed. Sequence numbers stay dense."""
    for final in story.end().ends:
        how(final["messages"])
        for place, message in enumerate(final["messages"], 1):
            message["seq"] = str(place)
    return story


def forget(story: Story, kind: str, who: str, text: str) -> Story:
    story.lines = [line for line in story.lines if (line["kind"], line.get("who"), line.get("text")) != (kind, who, text)]
    return story


@case()
def nothing_wrong() -> Story:
    "a good history: acknowledged, unknown kept and unknown gone"
    return good().end()


@case("nothing")
def empty() -> Story:
    "no message was acknowledged"
    return Story().end()


@case("nothing")
def not_listed() -> Story:
    "nobody listed at the end"
    story = Story()
    story.send(1, "a:1", "gone")
    story.lines = [line for line in story.lines if line["kind"] != "event"]
    return story


@case("lost", "phantom", "missing")
def lost() -> Story:
    "an acknowledged message is there with another id"
    return change(good(), lambda found: found[2].update(id=stamp(2.2)))


@case("lost", "phantom")
def gone() -> Story:
    "an acknowledged message is gone: lost, and told to listeners and readers who should not have heard"
    return change(good(), lambda found: found.pop(3))


@case("lost", "phantom")
def tail_gone() -> Story:
    "the last acknowledged messages are gone, as after a failover to a standby that lagged"
    return change(good(), lambda found: found.__delitem__(slice(-4, None)))


@case("duplicate")
def twice_there() -> Story:
    "an acknowledged message is there a second time, with an id of its own"
    story = good()
    name = story.store(8.2, "a:8")
    for who in ("l0", "l1"):
        story.hear(8.3, who, "a:8", name)
    return story.end()


@case("duplicate")
def unknown_twice() -> Story:
    "a message of unknown outcome is there twice: the server tried again"
    story = good()
    name = story.store(8.2, "a:6")
    for who in ("l0", "l1"):
        story.hear(8.3, who, "a:6", name)
    return story.end()


@case("invented")
def invented() -> Story:
    "a message that nobody sent"
    story = good()
    name = story.store(9, "c:1")
    for who in ("l0", "l1"):
        story.hear(9.1, who, "c:1", name)
    return story.end()


@case("refused")
def refused() -> Story:
    "a member is refused"
    story = good()
    story.send(9, "a:9", "fail")
    return story.end()


@case("refused", "invented")
def refused_and_there() -> Story:
    "a message that was refused is there"
    story = good()
    story.send(9, "a:9", "fail")
    name = story.store(9.01, "a:9")
    for who in ("l0", "l1"):
        story.hear(9.1, who, "a:9", name)
    return story.end()


@case("numbers")
def not_rising() -> Story:
    "two messages of a listing stand the wrong way round"
    return change(good(), lambda found: found.insert(2, found.pop(3)))


@case("numbers")
def gap_in_numbers() -> Story:
    "sequence numbers leave one out"
    story = good().end()
    for final in story.ends:
        for message in final["messages"][4:]:
            message["seq"] = str(int(message["seq"]) + 1)
    return story


@case("numbers")
def number_twice() -> Story:
    "two messages have the same sequence number"
    story = good().end()
    for final in story.ends:
        final["messages"][4]["seq"] = final["messages"][3]["seq"]
    return story


@case("order")
def sender_out_of_order() -> Story:
    "a sender's second message stands before its first, which was acknowledged before"
    story = Story()
    names = {"a:1": stamp(2.01), "a:2": stamp(1.01)}
    for at, text in ((1, "a:1"), (2, "a:2")):
        story.add(at, "invoke", who="a", thread=T, text=text)
        story.add(at + 0.04, "ok", who="a", thread=T, text=text, id=names[text])
    for place, text in enumerate(("a:2", "a:1"), 1):
        story.there.append({"id": names[text], "seq": str(place), "text": text})
        for who in ("l0", "l1"):
            story.hear(3 + place / 10, who, text, names[text])
    return story.end()


@case()
def overlapping() -> Story:
    "messages under way at once may stand either way round"
    story = Story()
    for text, name in (("a:1", stamp(1.2)), ("b:1", stamp(1.1))):
        story.add(1, "invoke", who=text[0], thread=T, text=text)
        story.add(1.5, "ok", who=text[0], thread=T, text=text, id=name)
    for place, (text, name) in enumerate((("b:1", stamp(1.1)), ("a:1", stamp(1.2))), 1):
        story.there.append({"id": name, "seq": str(place), "text": text})
        for who in ("l0", "l1"):
            story.hear(1.5 + place / 10, who, text, name)
    return story.end()


@case()
def late_unknown() -> Story:
    "a message of unknown outcome may come in after later ones of its sender"
    story = Story()
    story.add(1, "invoke", who="a", thread=T, text="a:1")
    story.add(1.5, "info", who="a", thread=T, text="a:1", why="timeout")
    story.send(2, "a:2")
    name = story.store(4, "a:1")
    for who in ("l0", "l1"):
        story.hear(4.1, who, "a:1", name)
    return story.end()


@case("stamp")
def wrong_time() -> Story:
    "an id is an hour ahead: a node's clock was believed"
    story = Story()
    story.send(1, "a:1")
    name = stamp(3600)
    story.add(2, "invoke", who="a", thread=T, text="a:2")
    story.add(2.1, "ok", who="a", thread=T, text="a:2", id=name)
    story.there.append({"id": name, "seq": "2", "text": "a:2"})
    for who in ("l0", "l1"):
        story.hear(2.2, who, "a:2", name)
    return story.end()


@case("disagree")
def members_disagree() -> Story:
    "the second member finds one message fewer"
    story = good().end()
    story.ends[1]["messages"].pop()
    return story


@case("missing")
def missing() -> Story:
    "a listener never heard a message in the middle"
    return forget(good().end(), "event", "l1", "a:3")


@case("missing")
def missing_tail() -> Story:
    "a listener never heard the last message, which nothing follows"
    return forget(good().end(), "event", "l1", "a:8")


@case("twice")
def told_twice() -> Story:
    "a listener hears a message twice on one connection"
    story = good()
    story.hear(8.6, "l0", "a:8", stamp(8.01), again=True)
    return story.end()


@case()
def told_again() -> Story:
    "a message told again after a resume is counted, and no problem"
    story = good()
    story.add(8.6, "lost", who="l0", why="cut")
    story.add(8.7, "connected", who="l0", node="node0", after="p")
    story.hear(8.8, "l0", "a:8", stamp(8.01), again=True)
    story.end()
    report = check(sorted(story.lines, key=lambda line: line["t"]), LIMIT)
    if report.repeats != 1:
        raise AssertionError(f"{report.repeats} repeats counted, not 1")
    return story


@case()
def told_again_much_later() -> Story:
    "a message told again on one connection after more than a thousand others is counted, and no problem"
    story = Story()
    for number in range(1, 1_101):
        story.send(number / 100, f"a:{number}")
    story.hear(12, "l0", "a:1", stamp(0.02), again=True)
    return story.end()


@case("disorder")
def told_in_disorder() -> Story:
    "a listener hears a thread's messages the wrong way round"
    story = good()
    for line in story.lines:
        if line["kind"] == "event" and line["who"] == "l1" and line["text"] == "a:3":
            line["t"] += 0.6
    return story.end()


@case("disorder")
def disorder_across_resume() -> Story:
    "after a resume a listener hears what stands before what it has heard already"
    story = forget(good(), "event", "l1", "b:5")
    story.add(8.6, "lost", who="l1", why="cut")
    story.add(8.7, "connected", who="l1", node="node1", after="p")
    story.hear(8.8, "l1", "b:5", stamp(5.51))
    return story.end()


@case("phantom")
def phantom() -> Story:
    "a listener hears a message that was never kept: it was told before it was on disk"
    story = good()
    story.hear(7.02, "l0", "a:7", stamp(7.01))
    return story.end()


@case("phantom")
def other_text() -> Story:
    "a listener hears another text than the one that is there"
    story = good().end()
    next(line for line in story.lines if line["kind"] == "event" and line["text"] == "b:4")["text"] = "b:3"
    return story


@case("phantom")
def dirty_read() -> Story:
    "a reader is shown a message that is not there at the end"
    story = good()
    story.read(8.6, [*(message["id"] for message in story.there), stamp(7.01)])
    return story.end()


@case("stale")
def stale() -> Story:
    "a reader is not shown a message that was acknowledged before it asked"
    story = good()
    story.read(8.6, [message["id"] for message in story.there if message["text"] != "b:3"])
    return story.end()


@case()
def short_page() -> Story:
    "a reader's page does not reach back to everything"
    story = good()
    story.read(8.6, [message["id"] for message in story.there[-3:]], whole=False)
    return story.end()


def cut_off(back: float, heard: float, node: str | None = "node1") -> Story:
    """l1 hears a:8 so late; its node, or everything, was away from 7.9 s to `back`."""
    story = forget(good(), "event", "l1", "a:8")
    story.add(7.9, "lost", who="l1", why="cut")
    story.add(heard - 0.1, "connected", who="l1", node="node1", after="p")
    story.hear(heard, "l1", "a:8", stamp(8.01))
    story.add(60, "outage", began=START + 7.9, back=START + back, node=node)
    return story.end()


@case()
def whole_in_time() -> Story:
    "a listener whose node was away for 30 s is whole 9 s after its return"
    return cut_off(38, 47)


@case("late")
def whole_too_late() -> Story:
    "a listener whose node was away is whole only 12 s after its return"
    return cut_off(38, 50)


@case("late")
def other_node() -> Story:
    "the absence of another node is no excuse"
    return cut_off(38, 40, "node0")


@case("late")
def no_outage() -> Story:
    "a listener that stayed hears a message 12 s after it was acknowledged"
    story = forget(good(), "event", "l1", "a:8")
    story.hear(20.1, "l1", "a:8", stamp(8.01))
    return story.end()


@case()
def position_gone() -> Story:
    "after 410 a listener lists, and hears again what it listed"
    story = forget(good(), "event", "l1", "a:8")
    story.add(8.1, "lost", who="l1", why="cut")
    story.add(8.2, "expired", who="l1")
    story.add(8.3, "connected", who="l1", node="node1", after=None)
    listed = [[message["id"], message["text"]] for message in story.there]
    story.add(8.4, "listed", who="l1", thread=T, messages=listed)
    story.hear(8.5, "l1", "a:8", stamp(8.01))
    return story.end()
