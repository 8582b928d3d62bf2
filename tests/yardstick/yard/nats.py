"""A NATS server of the run's own, and its counters."""

import json
import shutil
import urllib.request
from pathlib import Path

from .machine import Child, Fault, free_port, listens


class Nats:
    def __init__(self, root: Path):
        program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
        if not program:
            raise Fault("nats-server is not installed")
        self.port, self.monitor = free_port(), free_port()
        command = [program, "-a", "127.0.0.1", "-p", self.port, "-m", self.monitor]
        self.child = Child(command, root / "nats.log")
        self.child.until(lambda: listens(self.port) and listens(self.monitor), "listener")
        self.url = f"nats://127.0.0.1:{self.port}"
        self.version = self.varz()["version"]

    def varz(self) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/varz", timeout=10) as answer:
            return json.load(answer)

    def counters(self) -> tuple[int, int]:
        """Messages published by its clients, and messages delivered to them."""
        now = self.varz()
        return now["in_msgs"], now["out_msgs"]

    def stop(self) -> None:
        self.child.stop()
