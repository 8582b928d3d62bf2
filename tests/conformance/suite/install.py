"""Fetch jsonschema into a virtual environment. A stamp tells what is there: a second call does nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VENV = Path(os.environ.get("SAMBAND_TEST_CACHE") or Path(__file__).resolve().parents[3] / "target") / "conformance"
PYTHON = VENV / "bin" / "python"
PACKAGES = ["jsonschema>=4.18,<5"]


def install() -> None:
    stamp = VENV / "installed.txt"
    text = "\n".join([sys.version.split()[0], *PACKAGES]) + "\n"
    if stamp.is_file() and stamp.read_text() == text:
        return
    print(f"installing {', '.join(PACKAGES)}", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.parent.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-m", "venv", str(VENV)])
    run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    stamp.write_text(text)


def run(command: list[str]) -> None:
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{finished.stdout}")
