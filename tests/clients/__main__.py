"""`python -m tests.clients [FOLDER ...]`: all programs, or some, against an empty local Keyspaces.

A run of all writes the table in docs/keyspaces.md. With KEYSPACES_HOST and the other variables of the verdict in the
environment, the programs run against that endpoint. The exit code is 0 if all steps of all programs passed.
"""

import os
import subprocess
import sys

from local_keyspaces.verdict import GIVEN
from tests.clients.languages import CLIENTS, WORK
from tests.clients.run import run_client
from tests.clients.table import render, store
from tests.processes import ROOT


def main(names: list[str]) -> int:
    unknown = set(names) - {client.folder for client in CLIENTS}
    if unknown:
        sys.exit(f"no program {', '.join(sorted(unknown))}: there are {', '.join(c.folder for c in CLIENTS)}")
    if not os.environ.keys() & set(GIVEN[:1]):
        return _with_local_keyspaces(names)
    results = []
    for client in CLIENTS:
        if not names or client.folder in names:
            print(f"{client.language} ...", flush=True)
            results += run_client(client)
    table = render(results)
    print(table)
    if not names:
        store(table)
    return 0 if all(result.ok for result in results) else 1


def _with_local_keyspaces(names: list[str]) -> int:
    """Again, with the endpoint's addresses and credentials in the environment."""
    WORK.mkdir(parents=True, exist_ok=True)
    local = [sys.executable, "-m", "local_keyspaces", "--verdict", str(WORK / "verdict.html"), "--"]
    return subprocess.run([*local, sys.executable, "-m", "tests.clients", *names], cwd=ROOT).returncode


sys.exit(main(sys.argv[1:]))
