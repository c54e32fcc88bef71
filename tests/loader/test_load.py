"""A load whose table fails. A coroutine that is never awaited is a warning, and so an error of the test."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from loader.lane import Compared, Converted, Written
from loader.ledger import Ledger
from loader.load import Counts, Pass
from loader.retries import LoadFailed
from loader.rows import Chunk
from loader.window import RequestWindow
from tests.loader.inputs import input_of


class FailingLane:
    """Fails at its first write."""

    async def convert(self, chunk: Chunk) -> Converted:
        records = [record for record, _ in chunk.rows]
        return Converted(records, b"".join(record.to_bytes(16, "big") for record in records), [])

    async def write(self, end: int, duplicates: Mapping[int, int]) -> Written:
        raise LoadFailed("the table does not answer")

    async def compare(self, chunk: Chunk, left_out: Collection[int]) -> Compared:
        raise LoadFailed("the table does not answer")

    async def retried(self) -> int:
        return 0


def test_ends_a_failed_load_with_its_reason_alone(tmp_path: Path) -> None:
    """A user would read warnings of Python about coroutines before the reason why a load has failed."""
    data = tmp_path / "a.csv"
    data.write_text("id,n\n" + "".join(f"{number},1\n" for number in range(6_000)))

    async def run(ledger: Ledger) -> None:
        work = Pass(
            [FailingLane()],
            input_of(data),
            ledger=ledger,
            counts=Counts(),
            report=lambda *_: None,
            progress=lambda: None,
            stop=asyncio.Event(),
        )
        with pytest.raises(LoadFailed, match="the table does not answer"):
            await work.write()

    with Ledger(tmp_path / "state", "test") as ledger:
        asyncio.run(run(ledger))
        assert ledger.position == 0


def test_ends_requests_that_wait_when_another_one_fails() -> None:
    """A user would read warnings of Python about coroutines before the reason why a load has failed."""

    async def fail() -> None:
        raise LoadFailed("the table does not answer")

    async def run() -> None:
        window = RequestWindow(lambda: 1)
        with pytest.raises(ExceptionGroup) as failed:
            await window.each([fail] * 50)
        assert all(isinstance(error, LoadFailed) for error in failed.value.exceptions)

    asyncio.run(run())
