"""Fetch the SDKs: one virtual environment per package set, one node_modules.

A stamp beside each tells what is installed, so a second call does nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .scenario import HERE, Suite

JS = HERE / "js"


def cache() -> Path:
    return Path(os.environ.get("SAMBAND_TEST_CACHE") or HERE.parent.parent / "target" / "sdks").resolve()


def python_of(suite: Suite) -> Path:
    return cache() / suite.venv / "bin" / "python"


def install(suites: list[Suite]) -> None:
    venvs = {suite.venv: suite.packages for suite in suites if suite.venv}
    with ThreadPoolExecutor(max_workers=3) as pool:
        jobs = [pool.submit(install_venv, name, packages) for name, packages in venvs.items()]
        if any(suite.driver == "js" for suite in suites):
            jobs.append(pool.submit(install_node_modules))
        for job in jobs:
            job.result()


def install_venv(name: str, packages: tuple[str, ...]) -> None:
    # Only the SDKs are pinned. What they stand on (azure-core, msrest, aiohttp)
    # floats on purpose: an old SDK with today's azure-core is what a user gets.
    # aiohttp is what the packages' own instructions ask for with their aio half.
    wanted = sorted(packages) + ["aiohttp"]
    directory = cache() / name
    stamp = directory / "installed.txt"
    text = "\n".join([sys.version.split()[0], *wanted]) + "\n"
    if stamp.is_file() and stamp.read_text() == text:
        return
    print(f"installing {name}: {', '.join(wanted)}", flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-m", "venv", str(directory)])
    run([str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", *wanted])
    stamp.write_text(text)


def install_node_modules() -> None:
    stamp = JS / "node_modules" / "installed.txt"
    locked = (JS / "package.json").read_bytes() + (JS / "package-lock.json").read_bytes()
    text = hashlib.sha256(locked).hexdigest() + "\n"
    if stamp.is_file() and stamp.read_text() == text:
        return
    print("installing node_modules", flush=True)
    run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=JS)
    stamp.write_text(text)


def run(command: list[str], cwd: Path | None = None) -> None:
    finished = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{finished.stdout}")
