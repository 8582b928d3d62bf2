"""A TCP proxy between a client and the server that breaks connections. TLS passes through it."""

import socket
import struct
import threading

from .rest import HERE


class Proxy:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.lock = threading.Lock()
        self.pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.held = False
        self.accepted = 0
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"{HERE.where.scheme}://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if self.held:
                    client.close()
                    continue
                self.accepted += 1
                server = socket.create_connection((HERE.where.hostname, HERE.where.port))
                pair = (client, server)
                self.pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self.pump, args=(pair, source, sink), daemon=True).start()

    def pump(self, pair: tuple, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.end(pair, reset=False)

    def end(self, pair: tuple, reset: bool) -> None:
        if pair not in self.pairs:
            return
        self.pairs.remove(pair)
        for wire in pair:
            try:
                if reset:
                    # Lingering for no time makes close() an RST: what is under way is lost.
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Wakes whoever reads it; shutting down both ways says FIN, which no reset does.
                wire.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            except OSError:
                pass
            wire.close()

    def cut(self, hold: bool = False, reset: bool = True) -> None:
        """Breaks what is connected. With `hold`, nobody connects until `release`."""
        with self.lock:
            self.held = hold
            for pair in list(self.pairs):
                self.end(pair, reset)

    def release(self) -> None:
        with self.lock:
            self.held = False

    def close(self) -> None:
        self.listener.close()
        self.cut()
