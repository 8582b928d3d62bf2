"""Child processes on cores of their own, and the CPU that trees of processes use."""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PATIENCE = 60
# Above this part of a core in others' hands a measurement is disturbed.
QUIET = 0.1

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


class Fault(Exception):
    """Something that makes the run worthless."""


def cores() -> tuple[int, int]:
    """The core of the servers and the core of the load."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Fault("two cores are needed: one for the servers, one for the load")
    return allowed[0], allowed[1]


SERVERS, LOAD = cores()


def account(name: str) -> str | None:
    """The account a server runs as: root hands its servers to their packages' users."""
    if os.getuid() != 0:
        return None
    pwd.getpwnam(name)
    return name


class Child:
    """A process that ends with this one, however this one ends."""

    def __init__(self, command: list, log: Path, user: str | None = None, core: int = SERVERS, **more: object):
        def prepare() -> None:
            os.sched_setaffinity(0, {core})
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        self.name = Path(str(command[0])).name
        self.log = log
        own = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=prepare,
                **own,
                **more,
            )
        self.pid = self.process.pid

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def until(self, ready, what: str) -> None:
        """Waits until `ready()` is true."""
        end = time.monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None:
                raise Fault(f"{self.name} ended before {what}: {self.said()}")
            if time.monotonic() > end:
                raise Fault(f"{self.name}: no {what} in {PATIENCE} s: {self.said()}")
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def clock(pid: int, fields: list[str]) -> float:
    """Seconds of CPU of a process and of its children that have ended and were waited for.

    The process's own CPU clock has nanoseconds; of the ended ones there are ticks.
    """
    ended = (int(fields[13]) + int(fields[14])) * TICK
    try:
        return time.clock_gettime((~pid << 3) | 2) + ended
    except OSError:
        return (int(fields[11]) + int(fields[12])) * TICK + ended


def tree_cpu(root: int) -> float:
    """CPU of a process and all below it. What an ended one has used is in its parent's account, so none is lost."""
    parents, all_fields = {}, {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = stat(int(name))
            except OSError:
                continue
            all_fields[int(name)] = fields
            parents[int(name)] = int(fields[1])
    if root not in parents:
        raise Fault(f"process {root} has ended")
    below: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        below.setdefault(parent, []).append(pid)
    total, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        total += clock(pid, all_fields[pid])
        waiting += below.get(pid, [])
    return total


def core_busy(core: int) -> float:
    """Seconds in which a core was neither idle nor waiting for the disk."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
            return (user + nice + system + irq + softirq + steal) * TICK
    return 0.0


def children_cpu() -> float:
    """CPU of this process's children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def quiet(seconds: float = 1.0) -> bool:
    """Whether, for a moment, the machine does nothing."""
    before = core_busy(SERVERS) + core_busy(LOAD)
    time.sleep(seconds)
    return core_busy(SERVERS) + core_busy(LOAD) - before <= QUIET * seconds


class Window:
    """What groups of processes use between two moments."""

    def __init__(self, groups: dict[str, Iterable[int]]):
        self.groups = {name: list(pids) for name, pids in groups.items()}

    def totals(self) -> dict[str, float]:
        return {name: sum(tree_cpu(pid) for pid in pids) for name, pids in self.groups.items()}

    def open(self) -> None:
        self.start, self.own, self.below = self.totals(), time.process_time(), children_cpu()
        self.busy = core_busy(SERVERS), core_busy(LOAD)
        self.began = time.monotonic()

    def close(self) -> None:
        self.wall = time.monotonic() - self.began
        end = self.totals()
        self.cpu = {name: end[name] - self.start[name] for name in end}
        own = time.process_time() - self.own
        # What this process and the load generators it ran took of their core.
        own += children_cpu() - self.below
        self.load = own / self.wall
        # What everybody else took of the two cores. Cores of one processor share more than one would like.
        servers = core_busy(SERVERS) - self.busy[0] - sum(self.cpu.values())
        load = core_busy(LOAD) - self.busy[1] - own
        self.others = max(0.0, servers) / self.wall + max(0.0, load) / self.wall


def description() -> str:
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}"
