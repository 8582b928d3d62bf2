"""A cluster put together: PostgreSQL, NATS, nodes, the proxies between them, and the balancer before them."""

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from . import postgres
from .balancer import Balancer
from .certificate import Certificate
from .clock import Clock
from .nats import NatsServers
from .node import BINARY, Node
from .postgres import Postgres
from .processes import Unavailable, Workspace
from .proxy import Proxy


@dataclass
class Layout:
    """What a row needs."""

    nodes: int = 2
    nats: int = 1
    # "sync" or "async": a streaming standby, and nodes that know both.
    standby: str = ""
    # Megabytes of a file system of its own for the database.
    small_disk: int = 0
    # Proxies between the first node and its database and bus.
    proxied: bool = False
    nats_settings: str = ""
    # By how much a node's clock is wrong at first, by its number.
    clocks: dict[int, str] = field(default_factory=dict)
    # More configuration of all nodes.
    settings: dict[str, dict] = field(default_factory=dict)
    # It makes sense of one node with a store of its own as well.
    alone: bool = False


@dataclass
class Machine:
    """What every cluster of a run has in common."""

    binary: Path = BINARY
    # "postgres"; "sqlite": one node without PostgreSQL and NATS.
    store: str = "postgres"
    # Makes the tables, if `binary` is a build that cannot be trusted with that.
    setup: Path | None = None


class Cluster:
    def __init__(self, layout: Layout, machine: Machine):
        self.layout, self.machine = layout, machine
        if not machine.binary.is_file():
            raise SystemExit(f"{machine.binary} is not there: build it, or name it with --binary or SAMBAND_BIN")
        if machine.store == "sqlite" and not layout.alone:
            raise Unavailable("needs PostgreSQL, NATS and more than one node")
        self.workspace = Workspace()
        self.nodes: list[Node] = []
        self.proxies: list[Proxy] = []
        self.primary: Postgres | None = None
        self.standby: Postgres | None = None
        # Between standby and primary.
        self.replication: Proxy | None = None
        self.nats: NatsServers | None = None
        # Of the first node.
        self.store_proxy: Proxy | None = None
        self.bus_proxy: Proxy | None = None
        self.clocks: dict[int, Clock] = {}
        self.balancer: Balancer | None = None
        self.certificate: Certificate | None = None
        self.admin_token = secrets.token_urlsafe(24)

    async def start(self) -> None:
        self.certificate = await Certificate.make(self.workspace)
        single = self.machine.store == "sqlite"
        if not single:
            self.nats = NatsServers(self.workspace, self.layout.nats, self.layout.nats_settings)
            await asyncio.gather(self.nats.start(), self.start_postgres())
        count = 1 if single else self.layout.nodes
        self.balancer = Balancer()
        for number in range(count):
            await self.add_node(number)
        if self.machine.setup:
            first = self.nodes[0]
            first.binary = self.machine.setup
            await first.start()
            await first.stop()
            first.binary = self.machine.binary
        # One after another: the first makes the tables.
        for node in self.nodes:
            await node.start()
        await self.balancer.start(self.nodes)

    async def proxy(self, port: int) -> Proxy:
        proxy = await Proxy(port).start()
        self.proxies.append(proxy)
        return proxy

    async def start_postgres(self) -> None:
        layout = self.layout
        data = None
        if layout.small_disk:
            data = self.workspace.mount_small("postgres-disk", layout.small_disk) / "data"
        self.primary = Postgres(self.workspace, "primary", data)
        await self.primary.create()
        if layout.standby:
            await self.start_standby()

    async def start_standby(self) -> None:
        """Reached through a proxy, so that it can be made to lag."""
        self.standby = Postgres(self.workspace, "standby")
        self.replication = await self.proxy(self.primary.port)
        await self.standby.copy_from(self.primary, self.replication.port)
        await self.standby.start()
        if self.layout.standby == "sync":
            # Only now: nothing would be committed before there is a standby.
            await self.primary.stop()
            self.primary.settings["synchronous_standby_names"] = "*"
            await self.primary.start()
        await self.primary.follows(self.standby, self.layout.standby)

    async def add_node(self, number: int) -> None:
        settings = {
            "server": {"public_url": self.balancer.url},
            "admin": {"token": self.admin_token},
            "log": {"level": "info"},
        }
        if self.machine.store != "sqlite":
            hosts = [self.primary.host] + ([self.standby.host] if self.standby else [])
            bus = self.nats.url
            if self.layout.proxied and number == 0:
                self.store_proxy = await self.proxy(self.primary.port)
                self.bus_proxy = await self.proxy(self.nats.servers[0].port)
                hosts = [f"127.0.0.1:{self.store_proxy.port}"]
                bus = f"nats://127.0.0.1:{self.bus_proxy.port}"
            settings |= {"store": {"url": postgres.url(*hosts)}, "bus": {"url": bus}}
        for section, keys in self.layout.settings.items():
            settings[section] = settings.get(section, {}) | keys
        name = f"node{number}"
        environment = {}
        if number in self.layout.clocks:
            clock = self.clocks[number] = Clock(self.workspace.file(f"{name}.clock"), self.layout.clocks[number])
            environment = clock.variables
        self.nodes.append(Node(self.workspace, name, self.machine.binary, self.certificate, settings, environment))

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    @property
    def access_key(self) -> str:
        return self.nodes[0].info["accessKey"]

    async def close(self, logs: Path | None = None) -> None:
        if self.balancer:
            self.balancer.close()
        for proxy in self.proxies:
            proxy.close()
        self.workspace.close(logs)
        # What was cut ends its tasks.
        await asyncio.sleep(0)
