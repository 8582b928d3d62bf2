#!/usr/bin/env python3
"""Run the example clients of the open event stream, and the stream itself, against a server.

    run.py install      fetch what the checks need (no server needed)
    run.py              run the checks; `--only WORD` those whose name has the word

Start it as `samband run -- tests/events/run.py`: that sets the variables which say where the server is
and make Python, Node, curl and Java trust it.
"""

import argparse
import os
import sys
from pathlib import Path

from runner import install


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=["install", "run"], default="run")
    parser.add_argument("--only", metavar="WORD", default="", help="checks whose name has the word")
    arguments = parser.parse_args()
    install.install()
    if arguments.command == "install":
        return 0
    missing = [name for name in ("SAMBAND_ENDPOINT", "SAMBAND_ACCESS_KEY", "SAMBAND_ADMIN_TOKEN") if name not in os.environ]
    if missing:
        print(f"{', '.join(missing)} not set: start this as `samband run -- {sys.argv[0]}`", file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() != install.VENV.resolve():
        # jsonschema lives in the virtual environment alone.
        os.execv(install.PYTHON, [str(install.PYTHON), *sys.argv])

    import checks
    from runner.check import run_all

    return run_all(checks.GROUPS, arguments.only)


if __name__ == "__main__":
    sys.exit(main())
