"""The example clients beside each other, through proxies that break their connections, while things
happen in threads: each must print every event that it is told, in order, once."""

import functools
import random
import threading
import time
import traceback

from runner.check import Group, Skip, expect
from runner.example import COMMANDS, Example, missing
from runner.proxy import Proxy
from runner.rest import User
from runner.schema import problem
from runner.story import Story, difference

GROUP = Group()
SECONDS = 20
# The burst of messages, and how often each client's connection is cut meanwhile.
BURST, CUTS = 60, 3


class Stage:
    """The clients, their proxies, and what has happened: played once, for all checks of this file."""

    def __init__(self) -> None:
        self.ann, self.bob, self.carl, self.dora = (User.create(name) for name in ("Ann", "Bob", "Carl", "Dora"))
        self.story = Story()
        self.warm = self.ann.create_thread("Before", self.bob)
        self.names = [name for name in COMMANDS if not missing(name)]
        self.proxies = {name: Proxy() for name in self.names}
        self.clients = {name: Example(name, self.proxies[name].endpoint, self.bob.token) for name in self.names}
        self.said: dict[str, str] = {}
        self.fault: str | None = None
        self.faults: dict[str, dict[str, str | None]] = {}

    def reader(self, name: str) -> User | None:
        return None if name == "bot.py" else self.bob

    def printed(self, name: str) -> list[dict]:
        """Without the typing that showed that the client listens, and what other checks do meanwhile."""
        mine = self.story.members
        return [event for event in list(self.clients[name].events) if event["data"].get("threadId") in mine]

    def wait_until_listening(self) -> None:
        """Until each prints that somebody types: what is stored they would find, but not typing."""
        before = {name: len(client.events) for name, client in self.clients.items()}
        end = time.monotonic() + 3 * SECONDS
        while time.monotonic() < end:
            self.ann.type(self.warm)
            time.sleep(0.2)
            waiting = [name for name, client in self.clients.items() if len(client.events) == before[name]]
            if not waiting:
                return
        raise AssertionError(f"nothing was printed by {[(name, self.clients[name].said()) for name in waiting]}")

    def act(self, name: str, act, away: bool) -> None:
        """Lets things happen, with the clients cut off meanwhile if `away`; compares what they print of it."""
        if not away:
            self.wait_until_listening()
        told, printed = len(self.story.told), {client: len(self.printed(client)) for client in self.names}
        if away:
            for proxy in self.proxies.values():
                proxy.cut(hold=True, reset=random.random() < 0.5)
            self.story.away_since = told
        act()
        self.story.away_since = None
        for proxy in self.proxies.values():
            proxy.release()
        self.faults[name] = {}
        end = time.monotonic() + SECONDS
        for client in self.names:
            expected = self.story.heard_by(self.reader(client), told)
            enough = lambda _: len(self.printed(client)) - printed[client] >= len(expected)
            self.clients[client].wait_for(enough, max(0.1, end - time.monotonic()))
        time.sleep(0.3)  # for what is told though it should not be
        for client in self.names:
            reader = self.reader(client)
            came = self.printed(client)[printed[client]:]
            self.faults[name][client] = difference(came, self.story.heard_by(reader, told), reader)

    def play(self) -> None:
        self.wait_until_listening()
        for name, (act, away) in ACTS.items():
            self.act(name, lambda: act(self), away)

    def end(self) -> None:
        for name, client in self.clients.items():
            self.said[name] = client.said()
            client.stop()
        for proxy in self.proxies.values():
            proxy.close()


def before_the_first_event(stage: Stage) -> None:
    """Nothing was told yet when the connection breaks: only the stream's first line says where it was."""
    story, ann, bob, carl = stage.story, stage.ann, stage.bob, stage.carl
    stage.main = story.create_thread("Main", ann, bob, carl)
    stage.first = story.send(stage.main, ann, "First")


def live(stage: Stage) -> None:
    story, ann, bob, carl, dora, main = stage.story, stage.ann, stage.bob, stage.carl, stage.dora, stage.main
    story.type(main, ann)
    story.type(main, bob)
    odd = "Umlaut ä, 😀, \"quoted\",\nnext line, \u2028 \u0085, \\ </b> data: id: 7"
    second = story.send(main, bob, odd, metadata={"position": "5", "id": "none"})
    html = story.send(main, carl, "<b>bold</b>", html=True)
    long = story.send(main, ann, "ö" * 12_000)
    story.edit(main, ann, stage.first, "First, edited", {"edited": "yes"})
    story.read(main, bob, second)
    story.read(main, ann, html)
    story.delete(main, ann, long)
    story.set_topic(main, carl, "Main, renamed")
    story.remove(main, ann, carl)
    story.add(main, ann, carl, dora)
    # Bob hears of this one from his addition to his removal; the bot hears all.
    stage.other = story.create_thread("Other", ann, carl)
    story.send(stage.other, ann, "Bob is not here yet")
    story.add(stage.other, ann, bob)
    story.send(stage.other, carl, "Bob is here")
    story.remove(stage.other, ann, bob)
    story.send(stage.other, ann, "Bob is gone")
    short = story.create_thread("Short", bob, ann)
    story.delete_thread(short, bob)
    stage.doomed = story.create_thread("Deleted later", ann, bob)


def away(stage: Stage) -> None:
    story, ann, bob, carl, dora, main = stage.story, stage.ann, stage.bob, stage.carl, stage.dora, stage.main
    kept = story.send(main, ann, "Sent while away")
    story.type(main, ann)
    edited = story.send(main, carl, "Sent and edited while away")
    story.edit(main, carl, edited, "Edited while away", {"edited": "yes"})
    deleted = story.send(main, carl, "Sent and deleted while away")
    story.delete(main, carl, deleted)
    story.edit(main, ann, stage.first, "First, edited again", {"edited": "again"})
    story.read(main, ann, kept)
    story.read(main, ann, edited)
    story.read(main, carl, edited)
    story.set_topic(main, ann, "Main, renamed again")
    story.remove(main, ann, dora)
    story.remove(main, ann, carl)
    story.add(main, bob, carl, dora)
    story.add(stage.other, ann, bob)
    story.send(stage.other, carl, "Bob is back")
    story.remove(stage.other, ann, bob)
    story.send(stage.other, ann, "Bob is gone again")
    story.delete_thread(stage.doomed, ann)


def cut_at_random(stage: Stage) -> None:
    def cut(proxy: Proxy) -> None:
        for _ in range(CUTS):
            time.sleep(random.uniform(0.2, 1.2))
            proxy.cut(reset=random.random() < 0.5)

    cutters = [threading.Thread(target=cut, args=(proxy,)) for proxy in stage.proxies.values()]
    for cutter in cutters:
        cutter.start()
    for number in range(BURST):
        stage.story.send(stage.main, stage.ann, f"Burst {number} " + "x" * random.randrange(2_000))
        time.sleep(0.04)
    for cutter in cutters:
        cutter.join()


def deletion(stage: Stage) -> None:
    stage.story.delete_thread(stage.main, stage.ann)


ACTS = {
    "what happened before its first event": (before_the_first_event, True),
    "everything, live": (live, False),
    "what was stored while it was away": (away, True),
    "messages through a connection that is cut at random": (cut_at_random, False),
    "the end of a thread that was deleted while it was away": (deletion, True),
}


@functools.cache
def played() -> Stage:
    stage = Stage()
    try:
        stage.play()
    except Exception:
        stage.fault = traceback.format_exc()
    finally:
        stage.end()
    return stage


@GROUP.check("examples: all listen while things happen")
def play() -> None:
    expect(played().fault is None, played().fault)


def add_checks(name: str) -> None:
    def stage() -> Stage:
        if missing(name):
            raise Skip(f"{missing(name)} is not installed")
        return played()

    for act in ACTS:

        @GROUP.check(f"{name}: {act}")
        def told(act: str = act) -> None:
            why = stage().faults.get(act, {}).get(name, "it did not run")
            expect(why is None, f"{why}; it said {stage().said.get(name)!r}")

    @GROUP.check(f"{name}: nothing twice, all as the schema has it")
    def valid() -> None:
        client = stage().clients[name]
        expect(not client.faults, client.faults)
        ids = [event["id"] for event in client.events]
        twice = {one for one in ids if ids.count(one) > 1}
        expect(not twice, f"printed twice: {twice}")
        whys = [why for why in map(problem, client.events) if why]
        expect(ids and not whys, whys[:1])
        expect(stage().proxies[name].accepted > CUTS, "its connection was never cut")


for name in COMMANDS:
    add_checks(name)
