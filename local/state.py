"""The files of `python -m local` under `.local/`, besides those of the local Keyspaces."""

from pathlib import Path

from local.errors import LocalError
from local_keyspaces.state import Running, State


class StackState(State):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory, stop="`make down`")
        self.secrets = self.directory / "secrets"
        self.measured = self.directory / "measured.json"

    def secrets_file(self, stack: str) -> Path:
        return self.secrets / f"{stack}.json"

    def require_running(self) -> Running:
        """Raises LocalError if nothing runs."""
        running = self.running()
        if running is None:
            raise LocalError(f"nothing is running in {self.directory}; `make up` starts the stack in .local")
        return running
