"""The directory of a local Keyspaces or a stack, and the description of the one that runs in it."""

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.files import write_atomically


@dataclass(kw_only=True)
class Running:
    """Describes the stack or the Keyspaces that runs in the directory, for other commands. stack: its name.

    status: the status of each running part, by name.
    """

    pid: int
    stack: str
    region: str
    ready: bool = False
    keyspaces_port: int = 0
    console: str = ""
    """The address of the stack's console, with its token; empty without one."""
    outputs: dict[str, Any] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)

    def output_lines(self) -> Iterator[str]:
        for name, value in self.outputs.items():
            yield f"{name}: {value if isinstance(value, str) else json.dumps(value)}"


class State:
    """The files in the directory. stop: the command that stops a running stack, for error messages.

    jars: the folder of the jars, if it is outside the directory. The jars are software, not state: they are kept when
    the rest is deleted.
    """

    def __init__(self, directory: Path, *, stop: str, jars: Path | None = None) -> None:
        self.directory = directory.absolute()
        self.jars = jars if jars is not None else self.directory / "jars"
        self.data = self.directory / "data"
        self.logs = self.directory / "logs"
        self.keyspaces = self.directory / "keyspaces"
        self.profiles = self.keyspaces / "credentials"
        self.ca_file = self.keyspaces / "ca.pem"
        self.endpoint_log = self.logs / "keyspaces" / "endpoint.log"
        self.faults = self.keyspaces / "faults.json"
        self.processes = self.directory / "processes.json"
        self._running = self.directory / "running.json"
        self._lock = self.directory / "lock"
        self._stop = stop

    def clear_logs(self) -> None:
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir()

    def cassandra(self, stack: str) -> Path:
        return self.data / stack

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the lock until the context or the process ends. Raises LocalKeyspacesError if it is held already."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_owner()
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalKeyspacesError(self.already_running) from None
            try:
                yield
            finally:
                self._running.unlink(missing_ok=True)

    def _check_owner(self) -> None:
        """Keys and credentials are written here: other users must not be able to put files or links in their place."""
        status = self.directory.stat()
        if status.st_uid != os.geteuid():
            raise LocalKeyspacesError(f"{self.directory} belongs to another user; choose another with --directory")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise LocalKeyspacesError(
                f"other users may write to {self.directory}; remove the permission with chmod go-w, or choose another"
                " directory with --directory"
            )

    @property
    def already_running(self) -> str:
        return (
            f"a stack or a Keyspaces is already running in {self.directory}; stop it ({self._stop}, for the one in"
            " .local), or choose another directory with --directory"
        )

    def is_locked(self) -> bool:
        try:
            with self._lock.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def running(self) -> Running | None:
        """None if nothing runs, or if it is still starting."""
        if not self.is_locked():
            return None
        try:
            return Running(**json.loads(self._running.read_text()))
        except FileNotFoundError:
            return None

    def write(self, running: Running) -> None:
        write_atomically(self._running, json.dumps(asdict(running)))
