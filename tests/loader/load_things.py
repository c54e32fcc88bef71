"""A program that loads things, as a process of the tests."""

import sys
from pathlib import Path

from loader import run

if __name__ == "__main__":
    sys.exit(run(name="load-things", table="things", data=Path("things.json")))
