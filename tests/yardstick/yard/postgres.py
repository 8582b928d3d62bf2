"""A throw-away PostgreSQL with the settings of its package: fsync and synchronous_commit are on."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from .loop import Sample
from .machine import LOAD, Child, Fault, Window, account, free_port

FLOOR = """
DROP TABLE IF EXISTS floor;
CREATE TABLE floor (thread bigint NOT NULL, id bigserial, sender text NOT NULL, body text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (thread, id));
"""


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    where = found[-1] if found else shutil.which("postgres")
    if not where:
        raise Fault("PostgreSQL is not installed")
    return Path(where).parent


class Postgres:
    def __init__(self, root: Path):
        self.programs, self.port = programs(), free_port()
        self.home = root / "postgres"
        self.home.mkdir(mode=0o700)
        user = account("postgres")
        if user:
            shutil.chown(self.home, user, user)
        data = self.home / "data"
        make = [self.programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        made = subprocess.run(make, user=user, cwd=self.home, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Fault(f"initdb: {made.stderr}")
        # More than the hundred connections of the package: a node of samband and ejabberd each have pools.
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.home}
        settings |= {"max_connections": 300}
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = [self.programs / "postgres", "-D", data, *words]
        self.child = Child(command, root / "postgres.log", user=user, cwd=self.home)
        self.child.until(self.ready, "answer")
        self.version = self.ask("SHOW server_version").split()[0]
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if self.ask(f"SHOW {setting}") != "on":
                raise Fault(f"{setting} is off")

    def environment(self) -> dict[str, str]:
        return os.environ | {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}

    def psql(self, sql: str, database: str = "postgres") -> subprocess.CompletedProcess:
        command = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
        return subprocess.run(
            command, input=sql, env=self.environment(), capture_output=True, text=True, check=False, timeout=120
        )

    def ready(self) -> bool:
        return self.psql("SELECT 1").returncode == 0

    def ask(self, sql: str, database: str = "postgres") -> str:
        answer = self.psql(sql, database)
        if answer.returncode:
            raise Fault(f"psql: {answer.stderr}")
        return answer.stdout.strip()

    def fresh(self, database: str) -> str:
        """An empty database of this name."""
        self.ask(f"DROP DATABASE IF EXISTS {database} WITH (FORCE);\nCREATE DATABASE {database};")
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def written(self) -> tuple[int, int]:
        """How many transactions have written, and bytes of WAL."""
        shown = self.ask("SELECT pg_snapshot_xmax(pg_current_snapshot()), pg_current_wal_insert_lsn() - '0/0'")
        transactions, wal = shown.split("|")
        return int(transactions), int(wal)

    def cost(self, before: tuple[int, int], messages: int) -> dict[str, float]:
        """Of each message since then."""
        commits, wal = (now - then for now, then in zip(self.written(), before))
        return {"commits": commits / messages, "wal": wal / messages}

    def floor(self, root: Path, clients: int, rows: int, length: int, seconds: float) -> Sample:
        """pgbench: `rows` rows in a commit, prepared, of as many bytes as a message."""
        self.fresh("floor")
        self.ask(FLOOR, "floor")
        script = root / "floor.sql"
        text = f"SELECT :client_id, 'user' || :client_id, repeat('x', {length})"
        text += f" FROM generate_series(1, {rows})" if rows > 1 else ""
        script.write_text(f"INSERT INTO floor (thread, sender, body) {text};\n")
        command = [shutil.which("pgbench") or self.programs / "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 1]
        command += ["-T", max(2, round(seconds)), "-f", script, "floor"]
        window = Window({"postgres": [self.child.pid]})
        before = self.written()
        window.open()
        bench = Child(command, root / "pgbench.log", core=LOAD, env=self.environment())
        bench.process.wait()
        window.close()
        if bench.process.returncode:
            raise Fault(f"pgbench: {bench.said()}")
        done = int(re.findall(r"actually processed: (\d+)", bench.said())[-1])
        if int(self.ask("SELECT count(*) FROM floor", "floor")) != done * rows:
            raise Fault("the floor's rows are not as many as were written")
        mean = float(re.findall(r"latency average = ([\d.]+)", bench.said())[-1]) / 1000
        cost = self.cost(before, done * rows)
        return Sample(clients, done * rows, window.wall, window.cpu, mean, float("nan"), window.others, window.load, cost)

    def stop(self) -> None:
        self.child.stop(signal.SIGINT)
