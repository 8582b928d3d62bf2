"""NATS servers: one, or a cluster of several."""

import json
import shutil
import urllib.request

from .postgres import listening
from .processes import Child, Unavailable, Workspace, free_port, until

SECONDS = 15


class Nats:
    def __init__(self, workspace: Workspace, name: str, more: str = ""):
        self.program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
        if not self.program:
            raise Unavailable("nats-server is not installed")
        self.workspace = workspace
        self.name = name
        self.port, self.route, self.monitor = free_port(), free_port(), free_port()
        self.more = more
        self.config = workspace.file(f"{name}.conf")
        self.child: Child | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self, routes: list[int]) -> None:
        """`routes`: the ports at which the servers of the cluster meet; none for a server alone."""
        lines = [f'server_name: "{self.name}"', f"listen: 127.0.0.1:{self.port}", f"http: 127.0.0.1:{self.monitor}", self.more]
        if routes:
            meet = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes if port != self.route)
            # Clients know all servers already; one behind a proxy is not to be told of a way around it.
            lines.append(f"cluster {{ name: samband, listen: 127.0.0.1:{self.route}, no_advertise: true, routes: [{meet}] }}")
        self.config.write_text("\n".join(lines) + "\n")
        self.child = Child(self.workspace, self.name, [self.program, "-c", str(self.config)])
        await until(lambda: listening(self.port), SECONDS, f"{self.name} does not listen")

    def varz(self) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/varz", timeout=3) as answer:
            return json.load(answer)


class NatsServers:
    def __init__(self, workspace: Workspace, count: int, more: str = ""):
        self.servers = [Nats(workspace, f"nats{number}", more) for number in range(count)]
        self.routes = [server.route for server in self.servers] if count > 1 else []

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers)

    async def start(self) -> None:
        for server in self.servers:
            await server.start(self.routes)

    def kill(self) -> None:
        for server in self.servers:
            server.child.kill()
