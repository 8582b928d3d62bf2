"""A server that plays a part: each connection gets the next of its scenes. For what a real server does
too seldom: a connection that breaks within an event, or that is open and dead."""

import socket
import threading
import time

SCENE_SECONDS = 90
READING_SECONDS = 1
HEAD = (
    b"HTTP/1.1 %s\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)


class Scene:
    """An answer: a status, and the pieces of a body. With `then` "break", the connection breaks after
    them; "end", the body ends; "silence", nothing more comes."""

    def __init__(self, status: str, *pieces: bytes, then: str = "end"):
        self.status = status
        self.pieces = pieces
        self.then = then


class Fake:
    def __init__(self, scenes: list[Scene]):
        self.scenes = scenes
        # The requests' headers, names in lower case.
        self.requests: list[dict[str, str]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        for scene in self.scenes:
            try:
                wire, _ = self.listener.accept()
            except OSError:
                return
            # In turn: a client that gives up a dead connection connects while it is still open.
            threading.Thread(target=self.play, args=(wire, scene), daemon=True).start()

    def play(self, wire: socket.socket, scene: Scene) -> None:
        with wire:
            wire.settimeout(SCENE_SECONDS)
            try:
                self.requests.append(read_head(wire))
                wire.sendall(HEAD % scene.status.encode())
                for piece in scene.pieces:
                    wire.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                if scene.then == "end":
                    wire.sendall(b"0\r\n\r\n")
                if scene.then == "break":
                    # Java gives an error that comes before the bytes are read: rightly, they come again.
                    time.sleep(READING_SECONDS)
                while scene.then == "silence" and wire.recv(1024):
                    pass  # until the client closes
            except OSError:
                pass

    def close(self) -> None:
        self.listener.close()


def read_head(wire: socket.socket) -> dict[str, str]:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = wire.recv(1)
        if not byte:
            raise ConnectionError("no request")
        head += byte
    lines = head.decode().split("\r\n")[1:-2]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
