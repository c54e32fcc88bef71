"""Fills a table from data: `python -m loader TABLE DATA`. TABLE is the program's name for the table."""

import sys

from loader.program import run

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m loader TABLE DATA [options], such as: python -m loader orders orders.csv")
    _, table, data, *options = sys.argv
    sys.exit(run(name=f"load-{table.replace('_', '-')}", table=table, data=data, arguments=options))
