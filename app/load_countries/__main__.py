"""Loads the countries: `python -m load_countries`. Exits with 0 only if every record is in the table."""

import sys
from pathlib import Path

from loader import run

if __name__ == "__main__":
    data = Path(__file__).with_name("countries.json")
    sys.exit(run(name="load-countries", table="countries", data=data, careful=True))
