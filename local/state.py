"""What is kept under `.local/`, and what is running."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from declared.errors import LocalError


@dataclass(kw_only=True)
class Running:
    """What runs here, a stack or a Keyspaces alone, as it tells the other commands. status: by what is run."""

    pid: int
    stack: str
    region: str
    ready: bool = False
    keyspaces_port: int = 0
    outputs: dict[str, Any] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)

    def output_lines(self) -> Iterator[str]:
        for name, value in self.outputs.items():
            yield f"{name}: {value if isinstance(value, str) else json.dumps(value)}"


class State:
    """jars survive `destroy`: they are software, not state."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.jars = self.directory / "jars"
        self.data = self.directory / "data"
        self.logs = self.directory / "logs"
        self.keyspaces = self.directory / "keyspaces"
        self.profiles = self.keyspaces / "credentials"
        self.endpoint_log = self.logs / "keyspaces" / "endpoint.log"
        self.secrets = self.directory / "secrets"
        self.faults = self.keyspaces / "faults.json"
        self.processes = self.directory / "processes.json"
        self._running = self.directory / "running.json"
        self._lock = self.directory / "lock"

    def clear_logs(self) -> None:
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir()

    def cassandra(self, stack: str) -> Path:
        return self.data / stack

    def secrets_file(self, stack: str) -> Path:
        return self.secrets / f"{stack}.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by `up` for as long as it lives, however it ends. Raises LocalError if another holds it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalError(self.already_running) from None
            try:
                yield
            finally:
                self._running.unlink(missing_ok=True)

    @property
    def already_running(self) -> str:
        return (
            f"something is already running in {self.directory}; `make down` stops and `make status` shows what runs in"
            " .local; --directory chooses another place"
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
        """None if nothing runs, or only just begins to."""
        if not self.is_locked():
            return None
        try:
            return Running(**json.loads(self._running.read_text()))
        except FileNotFoundError:
            return None

    def require_running(self) -> Running:
        running = self.running()
        if running is None:
            raise LocalError(f"nothing is running in {self.directory}; `make up` starts the stack in .local")
        return running

    def write(self, running: Running) -> None:
        unfinished = self._running.with_suffix(".part")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(running), file)
        unfinished.replace(self._running)
