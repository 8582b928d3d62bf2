"""Which releases a registry lists, asked through its own client."""

import json
import subprocess
import sys

from .install import cache
from .scenario import RELEASE, Registered


def releases(package: Registered) -> list[str] | None:
    """None where the registry cannot be reached."""
    command = ASK[package.registry](package.name)
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "").splitlines()
        why = next((line for line in said if "error" in line.lower()), str(error))
        print(f"WARNING: {package.registry} did not say which releases {package.name} has: {why}", file=sys.stderr)
        return None
    listed = READ[package.registry](answer)
    # A nightly build is no release.
    return [release for release in listed if RELEASE.fullmatch(release)]


def pip_lines(answer: str) -> list[str]:
    line = next((line for line in answer.splitlines() if line.startswith("Available versions:")), ":")
    return [release.strip() for release in line.partition(":")[2].split(",") if release.strip()]


def npm_json(answer: str) -> list[str]:
    listed = json.loads(answer)
    return [listed] if isinstance(listed, str) else listed


# Without a network they are to say so at once, and not to try again.
PIP = [str(cache() / "pip" / "bin" / "python"), "-m", "pip", "--retries", "0", "--timeout", "20"]
NPM = ["npm", "--fetch-retries=0", "--fetch-timeout=20000"]
ASK = {
    "pypi": lambda name: [*PIP, "index", "versions", "--pre", name],
    "npm": lambda name: [*NPM, "view", name, "versions", "--json"],
}
READ = {"pypi": pip_lines, "npm": npm_json}
