"""ejabberd with its archive (mod_mam) in PostgreSQL, and nothing that it does not need for the load."""

import glob
import os
import shutil
import subprocess
from pathlib import Path

from .loop import Sample, drive
from .machine import Child, Fault, account, free_port, listens
from .postgres import Postgres
from .xmpp import DirectSender, RoomSender, Session

CONFIG = """
hosts: [localhost]
loglevel: warning
log_rotate_count: 0
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, access: all, max_stanza_size: 65536}}
s2s_access: none
auth_method: [sql]
auth_password_format: plain
default_db: sql
sql_type: pgsql
sql_server: "127.0.0.1"
sql_port: {sql_port}
sql_database: ejabberd
sql_username: postgres
sql_password: ""
sql_pool_size: {pool}
modules:
  mod_mam: {{db_type: sql, default: always}}
  mod_muc:
    db_type: sql
    history_size: 0
    min_message_interval: 0
    default_room_options: {{persistent: true, mam: true, members_only: false, logging: false}}
  mod_stream_mgmt: {{}}
"""
# The emulator sees one core and so has one scheduler; without these flags it also spins when it has nothing to do.
FLAGS = "+K true +P 250000 +sbwt none +sbwtdcpu none +sbwtdio none".split()


class Ejabberd:
    name = "ejabberd"

    def __init__(self, root: Path, postgres: Postgres, senders: int, members: int, pool: int):
        self.postgres, self.port, self.members = postgres, free_port(), members
        if not shutil.which("erl"):
            raise Fault("ejabberd is not installed: apt-get install ejabberd erlang-p1-pgsql")
        postgres.fresh("ejabberd")
        schema = Path("/usr/share/ejabberd/sql/pg.sql").read_text()
        users = "INSERT INTO users (username, password) SELECT '{}' || i, 'secret' FROM generate_series(0, {}) i;\n"
        postgres.ask(schema + "".join(users.format(kind, senders + members) for kind in ("u", "offline")), "ejabberd")
        home = root / "ejabberd"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o755)
        user = account("ejabberd")
        (home / "ejabberd.yml").write_text(CONFIG.format(port=self.port, sql_port=postgres.port, pool=pool))
        if user:
            shutil.chown(home, user, user)
        libraries = glob.glob("/usr/lib/*/ejabberd-*")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ERL_LIBS": str(Path(libraries[0]).parent) if libraries else "",
            "EJABBERD_CONFIG_PATH": str(home / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(home / "ejabberd.log"),
            "EJABBERD_PID_PATH": str(home / "ejabberd.pid"),
            "ERL_CRASH_DUMP": str(home / "crash.dump"),
            "ERL_MAX_PORTS": "32000",
        }
        # Without a node name there is no distribution and no epmd.
        command = ["erl", *FLAGS, "-noinput", "-mnesia", "dir", f'"{home}/mnesia"', "-s", "ejabberd"]
        self.child = Child(command, root / "ejabberd.log", user=user, cwd=home, env=environment)
        self.child.until(lambda: listens(self.port), "listener")
        self.sessions = [Session(self.port, f"u{number}", "secret") for number in range(senders)]
        self.rooms: list[str] = []
        self.archived = 0

    @staticmethod
    def version() -> str:
        shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "ejabberd"], capture_output=True, text=True)
        return shown.stdout or "unknown"

    def prepare_rooms(self) -> None:
        """Each sender in a room, whose other members are not there."""
        for number, session in enumerate(self.sessions):
            members = [f"u{number + other}" for other in range(1, self.members)]
            self.rooms.append(session.own_room(f"room{number}", members))

    def prepare_direct(self) -> None:
        for session in self.sessions:
            session.manage_stream()
        self.direct: dict[int, DirectSender] = {}

    def measure(self, kind: str, senders: int, length: int, warmup: float, seconds: float) -> Sample:
        text = ("Nobody reads this, it is here to weigh. " * (length // 40 + 1))[:length]
        if kind == "rooms":
            if not self.rooms:
                self.prepare_rooms()
            clients = [RoomSender(self.sessions[n], self.rooms[n], text) for n in range(senders)]
            rows = 1
        else:
            if not hasattr(self, "direct"):
                self.prepare_direct()
            for n in range(senders):
                # To a user who exists, is not logged in, and is nobody else's correspondent.
                self.direct.setdefault(n, DirectSender(self.sessions[n], f"offline{n}", text))
            clients = [self.direct[n] for n in range(senders)]
            rows = 2
        groups = {"server": [self.child.pid], "postgres": [self.postgres.child.pid]}
        before = self.postgres.written()
        sample, answered = drive(clients, groups, warmup, seconds)
        sample.more |= self.postgres.cost(before, answered)
        self.archived += answered * rows
        found = int(self.postgres.ask("SELECT count(*) FROM archive", "ejabberd"))
        if found != self.archived:
            raise Fault(f"{self.archived} rows of acknowledged messages, {found} in the archive")
        sample.more["verified"] = found
        return sample

    def stop(self) -> None:
        for session in self.sessions:
            session.sock.close()
        self.child.stop()
