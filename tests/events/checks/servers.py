"""What needs servers of its own: a server that stops and comes back, another store, a short window."""

import tempfile
import time
from pathlib import Path

from runner.check import Group, expect
from runner.rest import User
from runner.server import OwnServer
from runner.stream import Stream, kinds
from runner.websocket import WebSocket

from .streams import refused

GROUP = Group()


@GROUP.check("servers: a stop is told and closes with 1001; resuming goes on after the restart")
def restart() -> None:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        with OwnServer(data) as own:
            bob = User.create("Bob", server=own.server)
            thread = bob.create_thread("Restart")
            with Stream(bob) as stream, WebSocket(bob) as socket:
                stream.start()
                heard = bob.send(thread, "heard")
                expect(stream.next()["data"]["messageId"] == heard, "another event")
                socket.take(1)
                position = stream.last
                missed = bob.send(thread, "not heard")
                stream.next(), socket.next()
                own.stop()
                for one in (stream, socket):
                    event = one.next()
                    expect(event and event["type"] == "Samband.Closing", f"came {event}")
                    expect(event["data"] == {"reason": "serverStopping"}, event["data"])
                    expect(one.next() is None, "it went on")
                expect(socket.closed == 1001, f"close code {socket.closed}")
        with OwnServer(data, listen=own.server.where.netloc) as again:
            bob.server = again.server
            last = bob.send(thread, "after the restart")
            with Stream(bob, headers={"Last-Event-ID": position}) as stream:
                told = [event["data"]["messageId"] for event in stream.until(thread, last)]
            expect(told == [missed, last], f"told {told}, not {[missed, last]}")
        # Its data is gone: whatever has its positions must list anew.
        with OwnServer(data.with_name("other"), listen=own.server.where.netloc) as other:
            stranger = User.create("Bob", server=other.server)
            refused(410, stranger, headers={"Last-Event-ID": position}, code="PositionExpired")


@GROUP.check("servers: a position from before the window is 410; one that nothing followed is not")
def window() -> None:
    with tempfile.TemporaryDirectory() as directory, OwnServer(Path(directory) / "data", events__window_hours=0) as own:
        bob = User.create("Bob", server=own.server)
        thread = bob.create_thread("Window")
        with Stream(bob) as stream:
            before = stream.start()
            bob.send(thread, "x")
            stream.next()
            last = stream.last
        time.sleep(0.1)
        refused(410, bob, headers={"Last-Event-ID": before}, code="PositionExpired")
        with Stream(bob, headers={"Last-Event-ID": last}) as stream:
            message = bob.send(thread, "y")
            expect(kinds(stream.until(thread, message)) == ["ChatMessageReceived"], "another event")
