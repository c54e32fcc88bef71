"""The log's output: nothing is lost or mixed, and nothing waits for a slow reader."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest
import uvloop

from service import output as module
from service.logs import lines_dropped, log_to
from service.output import Output


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, Output]]:
    """A non-blocking read end, and an output to the other end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        yield reading, Output(writing, on_dropped=lines_dropped)
    finally:
        for descriptor in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def read(descriptor: int) -> bytes:
    content = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(descriptor, 1_000_000):
            content += part
    return content


def test_writes_all_lines_in_order_and_the_last_ones_at_the_end() -> None:
    """The last lines, with the reason for a task's end, would be missing."""
    with pipe() as (reading, output):

        async def write() -> None:
            with output.on_running_loop():
                for number in range(100):
                    output.write(b"%d\n" % number)
                    if number % 10 == 0:
                        await asyncio.sleep(0)

        uvloop.run(write())
        assert read(reading).split() == [b"%d" % number for number in range(100)]


def test_does_not_wait_for_the_reader_and_counts_dropped_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log driver that cannot reach its service would stop the API or fill its memory."""
    monkeypatch.setattr(module, "_KEPT_AT_MOST", 100_000)
    with pipe() as (reading, output):
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        line = b'{"a":"' + b"a" * 90 + b'"}\n'

        async def write() -> bytes:
            with output.on_running_loop():
                for _ in range(100):
                    for _ in range(100):
                        output.write(line)
                    await asyncio.sleep(0)  # comes back although nobody reads
                assert output._size < 100_000 + 100 * len(line)
                content = b""
                while b"missing" not in content:
                    content += read(reading)
                    await asyncio.sleep(0.001)
                return content

        *lines, last = asyncio.run(write()).splitlines(keepends=True)
        assert set(lines) == {line}
        missing = int(json.loads(last)["message"].split()[0])
        assert missing > 0
        assert missing + len(lines) == 10_000


@pytest.mark.parametrize("reader", ["waits", "is gone"])
def test_ends_when_nobody_reads(monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    """A task would be killed during a stop, with its requests in flight."""
    monkeypatch.setattr(module, "_LAST_WAIT", 0.05)
    with pipe() as (reading, output):

        async def write() -> None:
            with output.on_running_loop():
                output.write(b"a" * 900_000 + b"\n")
                if reader == "is gone":
                    os.close(reading)

        asyncio.run(write())


def test_writes_log_records_of_any_thread_as_one_line_each() -> None:
    """A line from one of the driver's threads would be split, or a traceback spread over twenty lines, and nobody would
    find it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with pipe() as (reading, output):

        def say(number: int) -> None:
            try:
                raise ValueError(f"line one\nline two of {number}")
            except ValueError:
                logging.getLogger("cassandra.pool").warning("thread %d", number, exc_info=True)

        async def main() -> None:
            with output.on_running_loop():
                threads = [threading.Thread(target=say, args=(number,)) for number in range(20)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    await asyncio.to_thread(thread.join)
                logging.getLogger("service.x").info("ours", extra={"request_id": "abc"})
                logging.getLogger("cassandra.connection").info("theirs: signature=...")

        try:
            log_to(output)
            asyncio.run(main())
            logging.getLogger("service.x").error("after the end")
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        lines = [json.loads(line) for line in read(reading).splitlines()]
    *threads_said, ours, after = lines
    assert sorted(line["message"] for line in threads_said) == sorted(f"thread {number}" for number in range(20))
    for line in threads_said:
        assert (line["level"], line["logger"]) == ("WARNING", "cassandra.pool")
        assert line["exception"].startswith("Traceback")
    assert (ours["message"], ours["level"], ours["request_id"]) == ("ours", "INFO", "abc")
    assert after["message"] == "after the end"
