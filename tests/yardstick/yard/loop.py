"""Closed loops: each client sends, waits for the answer, and sends again."""

import select
import socket
import time
from dataclasses import dataclass, field

from .machine import Fault, Window

SILENCE = 30


class Client:
    """One connection with one request, made before it is needed. `done` says when an answer is whole."""

    def __init__(self, sock: socket.socket, request: bytes):
        self.sock, self.request = sock, request
        self.buffer = b""
        self.began = 0.0

    def done(self) -> bool:
        raise NotImplementedError

    def send(self) -> None:
        self.began = time.perf_counter()
        if self.sock.send(self.request) != len(self.request):
            raise Fault("a request did not fit into its socket")

    def receive(self) -> bool:
        data = self.sock.recv(65536)
        if not data:
            raise Fault(f"the server closed a connection: {self.buffer[-500:]!r}")
        self.buffer = self.buffer + data if self.buffer else data
        if self.done():
            self.buffer = b""
            return True
        return False


@dataclass
class Sample:
    clients: int
    messages: int
    wall: float
    cpu: dict[str, float]
    p50: float
    p99: float
    others: float
    load: float
    more: dict = field(default_factory=dict)

    def per_core_second(self, *names: str) -> float:
        return self.messages / max(1e-9, sum(self.cpu[name] for name in names or self.cpu))

    def micros(self, *names: str) -> float:
        return 1e6 / self.per_core_second(*names)


def drive(clients: list[Client], groups: dict[str, list[int]], warmup: float, seconds: float) -> tuple[Sample, int]:
    """Load for a time. The sample is of the measured part; the number is all that was answered."""
    window = Window(groups)
    poll = select.epoll()
    by_file = {client.sock.fileno(): client for client in clients}
    for descriptor in by_file:
        poll.register(descriptor, select.EPOLLIN)
    took: list[float] = []
    answered, waiting, phase = 0, len(clients), 0
    phase_ends = time.perf_counter() + warmup
    for client in clients:
        client.send()
    while waiting:
        events = poll.poll(SILENCE)
        if not events:
            raise Fault(f"{waiting} of {len(clients)} clients had no answer for {SILENCE} s")
        now = time.perf_counter()
        if now >= phase_ends and phase < 2:
            if phase == 0:
                window.open()
            else:
                window.close()
            phase += 1
            now = time.perf_counter()
            phase_ends = now + seconds
        for descriptor, _ in events:
            client = by_file[descriptor]
            if client.receive():
                answered += 1
                if phase == 1:
                    took.append(time.perf_counter() - client.began)
                if phase == 2:
                    waiting -= 1
                else:
                    client.send()
    poll.close()
    if not took:
        raise Fault(f"nothing was answered in {seconds} s")
    took.sort()
    part = lambda share: took[min(len(took) - 1, int(len(took) * share))]  # noqa: E731
    sample = Sample(len(clients), len(took), window.wall, window.cpu, part(0.5), part(0.99), window.others, window.load)
    return sample, answered
