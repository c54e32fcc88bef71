"""Child processes: a record of the live ones that survives a crash, and functions that end them."""

import asyncio
import json
import os
import signal
from collections import deque
from contextlib import suppress
from pathlib import Path

import psutil

from local_keyspaces.files import write_atomically


class Registry:
    """Records the processes that were started here in a file, so that the next start can end them after a crash.

    A process is identified by its id and its start time, because ids are reused.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._alive: dict[int, tuple[str, float]] = {}

    def add(self, name: str, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):  # already ended
            self._alive[pid] = (name, psutil.Process(pid).create_time())
            self._write()

    def remove(self, pid: int) -> None:
        if self._alive.pop(pid, None) is not None:
            self._write()

    def _write(self) -> None:
        alive = [[pid, name, created] for pid, (name, created) in self._alive.items()]
        write_atomically(self._file, json.dumps(alive))


async def listen_failure(process: asyncio.subprocess.Process, port: int, *, seconds: float) -> str | None:
    """Waits until the port of 127.0.0.1 accepts connections. Returns None, or the reason as the end of a sentence."""
    try:
        async with asyncio.timeout(seconds):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return None
    except TimeoutError:
        return f"does not listen after {seconds:.0f} s"
    return f"ended with exit code {process.returncode}"


def end_leftovers(file: Path) -> list[str]:
    """Kills the processes that a registry of this file still lists; returns their names."""
    try:
        listed = json.loads(file.read_text())
    except FileNotFoundError:
        return []
    ended = []
    for pid, name, created in listed:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if abs(process.create_time() - created) < 1:
                process.kill()
                process.wait(10)
                ended.append(name)
    file.unlink()
    return ended


async def end_process(process: asyncio.subprocess.Process, *, stop_timeout: float) -> None:
    """Sends SIGTERM and, after `stop_timeout` seconds, SIGKILL to its session. Returns when the process has ended,
    even if cancelled."""
    if process.returncode is None:
        try:
            with suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(stop_timeout):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def last_lines(file: Path, count: int = 20) -> str:
    with file.open(errors="replace") as lines:
        return "".join(f"  {line}" for line in deque(lines, count)).rstrip()
