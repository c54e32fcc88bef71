"""Finds all mistakes of an input, before anything is written."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loader.convert import Mistake, Ready
from loader.ledger import Ledger
from loader.rows import Input, Row
from loader.sources import BadData

MISTAKES_SHOWN: Final = 20


def check(data: Input) -> int:
    """The number of rows. Raises BadData, which names the mistakes of each row."""
    mistakes: list[str] = []
    count = wrong = found = 0
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder), "check") as ledger:

        def note(row: Row, about: Sequence[Mistake]) -> None:
            nonlocal wrong, found
            wrong += 1
            found += len(about)
            mistakes.extend(f"{data.place(row.record)}: {each}" for each in about[: MISTAKES_SHOWN - len(mistakes)])

        for row in data.rows():
            count += 1
            if not isinstance(row.outcome, Ready):
                note(row, row.outcome)
            else:
                for first in ledger.duplicates([row.record], row.outcome.key).values():
                    note(row, [data.duplicate(first)])
    if found > len(mistakes):
        mistakes.append(f"and more: {wrong} of {count} records cannot be loaded")
    if wrong:
        raise BadData("\n".join(mistakes))
    if not count:
        raise BadData("there is no record in the data")
    return count
