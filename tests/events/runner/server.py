"""A server of a check's own, of the same binary: to be stopped, started again, and configured."""

import os
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .check import Skip
from .rest import Server

SECONDS = 15


def binary() -> str:
    """What `samband run` started this from."""
    try:
        return os.readlink(f"/proc/{os.getppid()}/exe")
    except OSError as error:
        raise Skip(f"the server's binary cannot be found: {error}") from error


class OwnServer:
    def __init__(self, data: Path, listen: str = "127.0.0.1:0", **settings: object):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SAMBAND_")}
        environment |= {f"SAMBAND__{name.upper()}": str(value) for name, value in settings.items()}
        env_file = data.with_name(data.name + ".env")
        env_file.unlink(missing_ok=True)
        self.log = tempfile.TemporaryFile("w+")
        command = [binary(), "dev", "--data", str(data), "--listen", listen, "--env-file", str(env_file)]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log, cwd=data.parent)
        end = time.monotonic() + SECONDS
        while not env_file.exists() or not env_file.read_text().endswith("\n"):
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                raise AssertionError(f"the server did not start: {self.log.read()[-2000:]}")
            time.sleep(0.05)
        lines = shlex.split(env_file.read_text(), comments=True)
        self.variables = dict(line.split("=", 1) for line in lines if "=" in line)
        self.server = Server(self.variables)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)

    def __enter__(self) -> "OwnServer":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
