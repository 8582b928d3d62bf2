"""The checker: what a history may not contain. Pure functions; test_checker.py shows each rule failing.

    lost         an acknowledged message is not there, or not with the id that was acknowledged
    duplicate    a message is there more than once
    invented     a message is there that nobody sent, or that was refused
    refused      somebody was refused (4xx) what was theirs to do
    numbers      ids do not rise, or sequence numbers are not 1, 2, 3 …
    order        a message stands before one that was acknowledged before it was sent
    stamp        an id, which is a time, is not from when the message was sent
    disagree     two members find different things
    missing      a listener never heard a message that is there
    twice        a listener heard a message twice on one connection, sooner than documented
    disorder     a listener heard a thread's messages in another order than theirs
    phantom      a listener or reader was told of a message that is not there at the end
    late         a listener was not whole in time after the service was back, or heard a message too late
    stale        a reader was not shown a message that was acknowledged before it asked
    nothing      the history is too empty to say anything
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from .facts import Facts, Heard, Sent, Told, facts

# How far an id may be from the time at which its message was sent.
STAMP_SECONDS = 5.0
# What was said so long before an outage may have been on its way when it began.
BEFORE_SECONDS = 5.0
# A stream may tell again, on the same connection too, what it told so many events ago (docs/events.md).
MEMORY = 1_024
EXAMPLES = 3


@dataclass
class Report:
    acknowledged: int = 0
    unknown: int = 0
    # Of the unknown ones, those that are there.
    unknown_there: int = 0
    lost: int = 0
    duplicates: int = 0
    # Told again after a resume, or after very many others.
    repeats: int = 0
    told: int = 0
    reads: int = 0
    # The longest that a listener took to hear a message, from its acknowledgement or the service's return.
    whole: float = 0.0
    whole_who: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def rules(self) -> Counter:
        return Counter(rule for rule, _ in self.problems)

    def lines(self) -> list[str]:
        """The problems, of each rule the first few."""
        lines = []
        for rule, count in self.rules().items():
            texts = [text for name, text in self.problems if name == rule]
            lines += [f"{rule} ({count}): {text}" for text in texts[:EXAMPLES]]
        return lines

    def counts(self) -> str:
        there = f"{self.unknown_there} of them there" if self.unknown else "none"
        return (
            f"{self.acknowledged} acknowledged, {self.unknown} unknown ({there}), {self.lost} lost, "
            f"{self.duplicates} duplicates, {self.told} told, {self.repeats} told again, "
            f"{self.reads} reads, whole after {self.whole:.1f} s"
            + (f" ({self.whole_who})" if self.whole_who else "")
        )


def check(history: list[dict], limit: float) -> Report:
    """`limit`: the seconds within which a listener must be whole."""
    known = facts(history)
    report = Report()
    for rule in RULES:
        report.problems += rule(known, report)
    report.problems += whole(known, report, limit)
    return report


def something(known: Facts, report: Report):
    report.acknowledged = sum(sent.outcome == "ok" for sent in known.sent.values())
    report.unknown = sum(sent.outcome == "info" for sent in known.sent.values())
    if not report.acknowledged:
        yield "nothing", "no message was acknowledged"
    for thread in known.threads:
        if not known.finals.get(thread):
            yield "nothing", f"nobody listed {thread} at the end"
    if not known.threads or not known.listeners:
        yield "nothing", "there are no threads or no listeners"
    for text in known.resent:
        yield "nothing", f"{text} was sent twice by its own sender: the history is wrong"


def contents(known: Facts, report: Report):
    for thread in known.threads:
        found = [message for message in known.final(thread) if message["text"]]
        times = Counter(message["text"] for message in found)
        ids: dict[str, list[str]] = {}
        for message in found:
            ids.setdefault(message["text"], []).append(message["id"])
        for text, count in times.items():
            sent = known.sent.get(text)
            if count > 1:
                report.duplicates += count - 1
                yield "duplicate", f"{text} is there {count} times in {thread}"
            if sent is None or sent.thread != thread:
                yield "invented", f"{text} is in {thread}, where nobody sent it"
            elif sent.outcome == "fail":
                yield "invented", f"{text} was refused and is there"
            elif sent.outcome == "info":
                report.unknown_there += 1
        for sent in known.sent.values():
            if sent.thread == thread and sent.outcome == "ok" and sent.id not in ids.get(sent.text, []):
                report.lost += 1
                where = f"is there as {', '.join(ids[sent.text])}" if sent.text in ids else "is not there"
                yield "lost", f"{sent.text} was acknowledged as {sent.id} and {where}"


def refused(known: Facts, _: Report):
    for line in known.refusals:
        yield "refused", f"{line['who']} {line['text'] or 'reading'}: {line['status']} {line.get('code', '')}"


def numbers(known: Facts, _: Report):
    for thread in known.threads:
        listing = known.final(thread)
        ids = [int(message["id"]) for message in listing]
        for before, after in zip(ids, ids[1:]):
            if after <= before:
                yield "numbers", f"{after} follows {before} in {thread}"
        for place, message in enumerate(listing, 1):
            if int(message["seq"]) != place:
                yield "numbers", f"message {message['id']} is number {place} in {thread} and has sequenceId {message['seq']}"
                break


def order(known: Facts, _: Report):
    """Whatever was acknowledged before a message was sent stands before it, whoever sent them."""
    for thread in known.threads:
        acknowledged = sorted(
            (sent.done, int(sent.id), sent.text) for sent in known.sent.values()
            if sent.thread == thread and sent.outcome == "ok"
        )
        # Up to each acknowledgement the newest message.
        newest: list[tuple[int, str]] = []
        for _, stamp, text in acknowledged:
            newest.append(max(newest[-1], (stamp, text)) if newest else (stamp, text))
        for message in known.final(thread):
            sent = known.sent.get(message["text"])
            if not sent:
                continue
            before = bisect_left(acknowledged, (sent.invoked,))
            if before and newest[before - 1][0] >= int(message["id"]) and newest[before - 1][1] != sent.text:
                stamp, text = newest[before - 1]
                yield "order", f"{sent.text} ({message['id']}) was sent after {text} ({stamp}) was acknowledged"


def stamps(known: Facts, _: Report):
    for thread in known.threads:
        for message in known.final(thread):
            sent = known.sent.get(message["text"])
            if not sent:
                continue
            at = int(message["id"]) / 1000
            latest = sent.done if sent.outcome == "ok" else float("inf")
            if not sent.invoked - STAMP_SECONDS <= at <= latest + STAMP_SECONDS:
                off = at - sent.invoked
                yield "stamp", f"{sent.text} has an id of {off:+.1f} s from when it was sent"


def agreement(known: Facts, _: Report):
    for thread in known.threads:
        members = known.finals.get(thread, {})
        first = known.final(thread)
        for who, listing in members.items():
            if listing != first:
                here, there = ({message["id"] for message in found} for found in (first, listing))
                other = f"{len(there - here)} more and {len(here - there)} fewer"
                yield "disagree", f"{who} finds {other} in {thread} than {next(iter(members))}"


def listeners(known: Facts, report: Report):
    there = {(thread, message["id"]): message["text"] for thread in known.threads for message in known.final(thread)}
    for name, listener in known.listeners.items():
        report.told += sum(not told.listed for told in listener.told)
        yield from repeats(name, listener, report)
        yield from rising(name, listener)
        for told in listener.told:
            text = there.get((told.thread, told.id))
            if text != told.text:
                instead = "is not there at the end" if text is None else f"is {text} at the end"
                yield "phantom", f"{name} heard {told.text} as {told.id}, which {instead}"
        heard = {(told.thread, told.id) for told in listener.told}
        for (thread, stamp), text in there.items():
            if text and (thread, stamp) not in heard:
                yield "missing", f"{name} never heard {text} ({stamp})"


def repeats(name: str, listener: Heard, report: Report):
    # Of each message on which connection it was told last, and as which of its events.
    heard: dict[tuple[str, str], tuple[int, int]] = {}
    for place, told in enumerate(listener.told):
        if told.listed:
            continue
        key = (told.thread, told.id)
        connection, before = heard.get(key, (0, 0))
        if connection == told.connection and place - before <= MEMORY:
            report.duplicates += 1
            yield "twice", f"{name} heard {told.text} ({told.id}) twice on one connection"
        elif told.again or key in heard:
            report.repeats += 1
        heard[key] = told.connection, place


def rising(name: str, listener: Heard):
    """What is new rises within a thread; after a lost position it begins anew."""
    last: dict[tuple[str, int], Told] = {}
    seen = set()
    for told in listener.told:
        key = (told.thread, told.id)
        if told.listed or key in seen:
            continue
        seen.add(key)
        before = last.get((told.thread, told.era))
        if before and int(before.id) > int(told.id):
            yield "disorder", f"{name} heard {told.text} ({told.id}) after {before.text} ({before.id})"
        last[told.thread, told.era] = told


def reads(known: Facts, report: Report):
    acknowledged: dict[str, list[Sent]] = {}
    for sent in known.sent.values():
        if sent.outcome == "ok":
            acknowledged.setdefault(sent.thread, []).append(sent)
    for thread in acknowledged.values():
        thread.sort(key=lambda sent: int(sent.id))
    stamps_of = {thread: [int(sent.id) for sent in list_] for thread, list_ in acknowledged.items()}
    there = {(thread, message["id"]) for thread in known.threads for message in known.final(thread)}
    for read in known.reads:
        report.reads += 1
        thread, found = read["thread"], {stamp for stamp, _ in read["messages"]}
        oldest = 0 if read["whole"] or not found else min(map(int, found))
        candidates = acknowledged.get(thread, [])
        for sent in candidates[bisect_left(stamps_of.get(thread, []), oldest):]:
            if sent.done < read["asked"] and sent.id not in found:
                yield "stale", f"{read['who']} was not shown {sent.text} {read['asked'] - sent.done:.3f} s after it was acknowledged"
        for stamp, text in read["messages"]:
            if (thread, stamp) not in there:
                yield "phantom", f"{read['who']} was shown {text} ({stamp}), which is not there at the end"


def whole(known: Facts, report: Report, limit: float):
    """How long each listener took, and who took too long."""
    messages = [
        (thread, message["id"], known.sent[message["text"]])
        for thread in known.threads for message in known.final(thread) if message["text"] in known.sent
    ]
    for name, listener in known.listeners.items():
        first: dict[tuple[str, str], float] = {}
        for told in listener.told:
            first.setdefault((told.thread, told.id), told.t)
        worst, what = 0.0, ""
        for thread, stamp, sent in messages:
            if (thread, stamp) in first:
                took = first[thread, stamp] - due(known, listener, sent)
                worst, what = max((worst, what), (took, sent.text))
        if worst > report.whole:
            report.whole, report.whole_who = worst, name
        if worst > limit:
            yield "late", f"{name} heard {what} {worst:.1f} s after the service was there for it; {limit:g} s are allowed"


def due(known: Facts, listener: Heard, sent: Sent) -> float:
    """When a listener could have heard a message: once it was acknowledged, and the service was there."""
    at = sent.done
    for outage in known.outages:
        # A message whose outcome is unknown may have been kept by whoever was away.
        concerns = outage.node in (None, listener.node) or sent.outcome == "info"
        if concerns and outage.began - BEFORE_SECONDS <= sent.done and sent.invoked <= outage.back:
            at = max(at, outage.back) if at != float("inf") else outage.back
    return at


RULES = [something, contents, refused, numbers, order, stamps, agreement, listeners, reads]
