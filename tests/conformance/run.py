#!/usr/bin/env python3
"""Hold a server against the published contracts of every api-version.

    run.py install     fetch what the checks need (no server needed)
    run.py run         golden answers and the generator's short form; --full for a long search

Start it as `samband run -- tests/conformance/run.py run`: that sets the variables which say where the server
is. README.md says what is checked.
"""

import argparse
import os
import sys
from pathlib import Path

from suite import install

FULL = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["install", "run"])
    parser.add_argument(
        "--only", action="append", default=[], metavar="SERVICE/VERSION", help="these alone; * stands for anything"
    )
    parser.add_argument("--part", choices=["golden", "generator"], help="one half alone")
    parser.add_argument("--update", action="store_true", help="rewrite the golden answers")
    parser.add_argument("--seed", type=int, default=1, help="of the generator (default 1)")
    parser.add_argument(
        "--requests", type=int, metavar="N", help="of the generator, for each version (default: each mutation once)"
    )
    parser.add_argument("--full", action="store_true", help=f"{FULL} requests for each version")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="versions at the same time")
    arguments = parser.parse_args()
    install.install()
    if arguments.command == "install":
        return 0
    missing = [name for name in ("SAMBAND_ENDPOINT", "SAMBAND_ACCESS_KEY") if name not in os.environ]
    if missing:
        print(f"{', '.join(missing)} not set: start this as `samband run -- {sys.argv[0]} run`", file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() != install.VENV.resolve():
        # jsonschema lives in the virtual environment alone.
        os.execv(install.PYTHON, [str(install.PYTHON), *sys.argv])

    from suite import suite

    requests = arguments.requests or (FULL if arguments.full else 0)
    return suite.run(arguments.only, arguments.part, arguments.update, arguments.seed, requests, arguments.jobs)


if __name__ == "__main__":
    sys.exit(main())
