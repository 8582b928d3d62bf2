"""A node: the samband binary with a configuration, a data directory and ports that stay its own."""

import json
import signal
from pathlib import Path

from .certificate import Certificate
from .processes import Child, Workspace, free_port, until
from .wire import CALL_TROUBLE, Wire

SECONDS = 30
ROOT = Path(__file__).resolve().parents[3]
BINARY = ROOT / "target" / "release" / "samband"


class Node:
    def __init__(
        self, workspace: Workspace, name: str, binary: Path, certificate: Certificate, settings: dict[str, dict],
        environment: dict[str, str] | None = None,
    ):
        self.workspace = workspace
        self.name = name
        self.binary = binary
        self.port, self.http_port = free_port(), free_port()
        self.data = workspace.file(name)
        self.child: Child | None = None
        own = {
            "server": {"listen": f"127.0.0.1:{self.port}", "http_listen": f"127.0.0.1:{self.http_port}"},
            "tls": {"certificate": str(certificate.leaf), "key": str(certificate.key)},
            "store": {"data": str(self.data)},
        }
        # By the environment: builds that are weakened on purpose have no command line.
        self.environment = {
            f"SAMBAND__{section}__{key}".upper(): str(value)
            for section in own | settings
            for key, value in (own.get(section, {}) | settings.get(section, {})).items()
        } | (environment or {})

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def launch(self) -> None:
        (self.data / "server.json").unlink(missing_ok=True)
        self.child = Child(self.workspace, self.name, [str(self.binary), "serve"], self.environment)

    async def start(self) -> None:
        self.launch()
        await until(self.ready, SECONDS, f"{self.name} is not ready")

    async def ready(self) -> bool:
        if not self.child.running:
            raise AssertionError(f"{self.name} ended {self.child.process.returncode}: {self.child.said()}")
        try:
            answer = await self.ask("/readyz")
        except CALL_TROUBLE:
            return False
        return answer.status == 200 and (self.data / "server.json").exists()

    async def ask(self, path: str, seconds: float = 1.0):
        """A request to what watches the node."""
        wire = Wire("127.0.0.1", self.http_port)
        try:
            return await wire.call("GET", path, seconds=seconds)
        finally:
            wire.close()

    async def metrics(self, prefix: str) -> dict[str, float]:
        """Series whose name begins so, with their labels."""
        text = (await self.ask("/metrics", 5.0)).body.decode()
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(prefix)]
        return {series: float(value) for series, value in lines}

    @property
    def info(self) -> dict:
        return json.loads((self.data / "server.json").read_text())

    def kill(self) -> None:
        self.child.kill()

    def pause(self) -> None:
        self.child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.child.signal(signal.SIGCONT)

    async def stop(self) -> int:
        """In order; its exit code."""
        self.child.signal(signal.SIGTERM)
        return await self.child.ended(SECONDS)

