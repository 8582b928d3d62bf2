"""Processes of ours, their ports and their directory. Each ends with us, and is ended by its pid alone."""

import asyncio
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
# Below the range from which the kernel takes ports for outgoing connections: a port whose server is down
# for a while must be free when it comes back.
PORTS = range(20000, 32000)
taken: set[int] = set()


class Unavailable(Exception):
    """This machine lacks something: the row is SKIPPED."""


def free_port() -> int:
    while True:
        port = random.choice(PORTS)
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port


def die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Workspace:
    """A directory for throw-away data, and everything that was started in it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="samband-cluster-"))
        # PostgreSQL runs as another user when we are root.
        self.path.chmod(0o711)
        self.children: list["Child"] = []
        self.mounts: list[Path] = []

    def file(self, name: str) -> Path:
        return self.path / name

    def mount_small(self, name: str, megabytes: int) -> Path:
        """A file system of so many megabytes."""
        path = self.file(name)
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Unavailable(f"no small file system can be mounted here: {done.stdout.strip()}")
        self.mounts.append(path)
        return path

    def close(self, logs: Path | None = None) -> None:
        """Ends what runs, and removes the directory. With `logs`, logs are kept there."""
        for child in reversed(self.children):
            child.kill()
        for mount in self.mounts:
            # Lazily: a process that was just killed may still be letting go of it.
            subprocess.run(["umount", "--lazy", str(mount)], check=False)
        if logs:
            for log in self.path.glob("*.log"):
                shutil.copy(log, logs)
        shutil.rmtree(self.path, ignore_errors=True)


class Child:
    """A process in a workspace, with a log."""

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        command: list[str],
        environment: dict[str, str] | None = None,
        user: str | None = None,
    ):
        self.name = name
        self.log = workspace.file(f"{name}.log")
        # The configuration of whoever runs us is not ours.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("SAMBAND__")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=inherited | (environment or {}), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=workspace.path, user=user, group=user, extra_groups=[] if user else None,
                start_new_session=True, preexec_fn=die_with_parent,
            )
        self.pid = self.process.pid
        workspace.children.append(self)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, what: int) -> None:
        if self.running:
            os.kill(self.pid, what)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()

    async def ended(self, seconds: float) -> int:
        return await until(lambda: self.process.poll(), seconds, f"{self.name} did not end", none=True)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


async def until(condition, seconds: float, otherwise: str, none: bool = False, pause: float = 0.05):
    """Waits for a condition, which may be a coroutine function. With `none`, for anything but None."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value is not None if none else value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{otherwise} within {seconds:g} s")
        await asyncio.sleep(pause)


async def run(command: list[str], user: str | None = None, environment: dict[str, str] | None = None) -> str:
    """A command that ends by itself; its output. It must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
        user=user, group=user, extra_groups=[] if user else None, env={**os.environ, **(environment or {})},
    )
    output, _ = await process.communicate()
    text = output.decode(errors="replace")
    if process.returncode:
        raise AssertionError(f"{' '.join(command)} ended {process.returncode}: {text[-2000:]}")
    return text
