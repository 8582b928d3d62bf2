"""The example clients, each as a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .check import Skip
from .rest import HERE

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "events"
COMMANDS = {
    "listen.py": ["python3", "listen.py"],
    "listen.mjs": ["node", "listen.mjs"],
    "Listen.java": ["java", "Listen.java"],
    "listen.sh": ["bash", "listen.sh"],
    "bot.py": ["python3", "bot.py"],
}
# What a script starts itself.
NEEDS = {"Listen.java": "javac", "listen.sh": "curl"}


def missing(name: str) -> str | None:
    for program in (COMMANDS[name][0], NEEDS.get(name)):
        if program and not shutil.which(program):
            return program
    return None


class Example:
    def __init__(self, name: str, endpoint: str, token: str):
        lacking = missing(name)
        if lacking:
            raise Skip(f"{lacking} is not installed")
        self.name = name
        self.events: list[dict] = []
        self.faults: list[str] = []
        self.stderr = tempfile.TemporaryFile("w+")
        secrets = ("SAMBAND_TOKEN", "SAMBAND_ACCESS_KEY", "SAMBAND_ADMIN_TOKEN", "SAMBAND_CONNECTION_STRING")
        environment = {key: value for key, value in os.environ.items() if key not in secrets}
        environment["SAMBAND_ENDPOINT"] = endpoint
        environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
        if name == "bot.py":
            environment["SAMBAND_ACCESS_KEY"] = HERE.key
        else:
            environment["SAMBAND_TOKEN"] = token
        # A session of its own: listen.sh and the curl it started end together.
        self.process = subprocess.Popen(
            COMMANDS[name], cwd=EXAMPLES, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.stderr, start_new_session=True,
        )
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self) -> None:
        for line in self.process.stdout:
            try:
                self.events.append(json.loads(line.decode()))
            except ValueError as error:
                self.faults.append(f"printed {line[:200]!r}: {error}")

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        self.stderr.seek(0)
        return self.stderr.read()[-1000:]

    def wait_for(self, enough, seconds: float) -> bool:
        """Whether `enough` came true of its events in time."""
        end = time.monotonic() + seconds
        while not enough(self.events):
            if time.monotonic() > end or self.process.poll() is not None:
                return enough(self.events)
            time.sleep(0.05)
        return True

    def stop(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.stderr.close()
