"""PostgreSQL servers: a primary, a standby, their end and their return."""

import os
import shutil
import signal
import socket
from pathlib import Path

from .processes import Child, Unavailable, Workspace, free_port, run, until

DATABASE = USER = "samband"
SECONDS = 30
# As a server in earnest has it, where a loss would show; small, so that it starts at once.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "wal_retrieve_retry_interval": "500ms",
    "logging_collector": "off",
}


def binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    raise Unavailable("PostgreSQL's server is not installed")


def account() -> str | None:
    """Whose process it is: PostgreSQL refuses root."""
    return "postgres" if os.geteuid() == 0 else None


class Postgres:
    def __init__(self, workspace: Workspace, name: str, data: Path | None = None, **settings: str):
        self.workspace = workspace
        self.name = name
        self.data = data or workspace.file(name)
        self.port = free_port()
        self.settings = SETTINGS | settings
        self.child: Child | None = None
        self.bin = binaries()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def tool(self, name: str, *arguments: str) -> str:
        return await run([str(self.bin / name), *arguments], user=account())

    def own(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        if account():
            shutil.chown(path, account(), account())

    async def create(self) -> None:
        """A new, empty database. The tables of the server itself are made once in a workspace's life."""
        self.own(self.data)
        options = ["--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C"]
        await self.tool("initdb", f"--pgdata={self.data}", *options)
        await self.start()
        await self.sql(f"CREATE DATABASE {DATABASE}", database="postgres")

    async def copy_from(self, primary: "Postgres", port: int | None = None) -> None:
        """Makes this a streaming standby. `port`: where the primary is reached, if not at its own."""
        self.own(self.data)
        conninfo = f"host=127.0.0.1 port={port or primary.port} user={USER} application_name={self.name}"
        await self.tool(
            "pg_basebackup", f"--pgdata={self.data}", f"--dbname={conninfo}", "--write-recovery-conf",
            "--checkpoint=fast", "--wal-method=stream", "--no-sync",
        )

    async def start(self) -> None:
        self.launch()
        await self.wait()

    def launch(self) -> None:
        sockets = self.workspace.file(f"{self.name}-socket")
        self.own(sockets)
        options = {"port": str(self.port), "unix_socket_directories": str(sockets)} | self.settings
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self.bin / "postgres"), "-D", str(self.data), *arguments]
        self.child = Child(self.workspace, self.name, command, user=account())

    async def wait(self) -> None:
        await until(self.accepts, SECONDS, f"{self.name} does not accept connections")

    async def accepts(self) -> bool:
        if not self.child.running:
            raise AssertionError(f"{self.name} ended: {self.child.said()}")
        try:
            await self.sql("SELECT 1", database="postgres")
            return True
        except AssertionError:
            return False

    async def sql(self, text: str, database: str = DATABASE) -> str:
        where = f"host=127.0.0.1 port={self.port} user={USER} dbname={database} connect_timeout=3"
        output = await self.tool("psql", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-d", where, "-c", text)
        return output.strip()

    async def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT is pg_ctl's `fast`, SIGQUIT its `immediate`."""
        self.child.signal(how)
        await self.child.ended(SECONDS)

    def crash(self) -> None:
        """As its machine would: every process of it, at once."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()] if self.child.running else []
        self.child.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    async def promote(self) -> None:
        await self.tool("pg_ctl", "promote", "-D", str(self.data), "-w", "-t", str(SECONDS))

    async def follows(self, standby: "Postgres", state: str) -> None:
        """Returns once the standby streams; `state` is sync or async."""
        question = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{standby.name}' AND state = 'streaming'"

        async def streaming() -> bool:
            return await self.sql(question, database="postgres") == state

        await until(streaming, SECONDS, f"{standby.name} does not stream as {state}")


def url(*hosts: str) -> str:
    """What a node is given. With more than one host it looks for the one that can write."""
    more = "?target_session_attrs=read-write" if len(hosts) > 1 else ""
    return f"postgres://{USER}@{','.join(hosts)}/{DATABASE}{more}"


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
