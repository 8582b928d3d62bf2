"""Fetch the SDKs: one virtual environment per package set, one node_modules.

A stamp beside each tells what is installed, so a second call does nothing.
"""

import hashlib
import json
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


def is_js(suite: Suite) -> bool:
    return suite.driver == "js"


def install(suites: list[Suite]) -> None:
    venvs = {suite.venv: suite for suite in suites if not is_js(suite)}
    with ThreadPoolExecutor(max_workers=3) as pool:
        jobs = [pool.submit(install_node_modules)] if any(map(is_js, suites)) else []
        if venvs:
            pip = pip_of_its_own()
            jobs += [pool.submit(install_venv, pip, name, suite) for name, suite in venvs.items()]
        for job in jobs:
            job.result()


def pip_of_its_own() -> list[str]:
    """One pip for all: putting it into every environment takes longer than the SDKs do."""
    directory = cache() / "pip"
    stamp = directory / "installed.txt"
    if not stamp.is_file() or stamp.read_text() != sys.version:
        shutil.rmtree(directory, ignore_errors=True)
        directory.parent.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-m", "venv", str(directory)])
        stamp.write_text(sys.version)
    return [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]


def install_venv(pip: list[str], name: str, suite: Suite) -> None:
    # Only the SDKs are pinned. What they stand on (azure-core, msrest, aiohttp)
    # floats on purpose: an old SDK with today's azure-core is what a user gets.
    # aiohttp is what the packages' own instructions ask for with their aio half.
    wanted = sorted(f"{package.name}=={package.release}" for package in suite.packages)
    wanted += [*suite.beside, "aiohttp"]
    directory = cache() / name
    stamp = directory / "installed.txt"
    text = "\n".join([sys.version.split()[0], *wanted]) + "\n"
    if stamp.is_file() and stamp.read_text() == text:
        return
    print(f"installing {name}: {', '.join(wanted)}", flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    run([sys.executable, "-m", "venv", "--without-pip", str(directory)])
    run([*pip, "--python", str(directory / "bin" / "python"), "install", *wanted])
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


def lock(suites: list[Suite]) -> None:
    """Rewrite package.json and its lock: every release under an alias, beside each other."""
    file = JS / "package.json"
    described = json.loads(file.read_text(encoding="utf-8"))
    packages = {package for suite in suites if is_js(suite) for package in suite.packages}
    aliases = {package.short: f"npm:{package.name}@{package.release}" for package in packages}
    described["dependencies"] = dict(sorted(aliases.items()))
    file.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    run(["npm", "install", "--package-lock-only"], cwd=JS)


def run(command: list[str], cwd: Path | None = None) -> None:
    finished = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{finished.stdout}")
