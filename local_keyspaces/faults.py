"""Faults on demand: what the endpoint does to its clients so that they show how they bear it."""

import dataclasses
import json
import logging
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_keyspaces.files import write_atomically

_log = logging.getLogger(__name__)


class BadFaults(ValueError):
    """One sentence: what is wrong, where, what to do."""


def _fault(off: float | bool, means: str) -> Any:
    return field(default=off, metadata={"means": means})


@dataclass(frozen=True, kw_only=True)
class Faults:
    """All of them off, unless given. Shares are of statements, from 0 to 1."""

    throttle_reads: float = _fault(
        0.0, "share of the reads that are answered as beyond capacity: a timeout, 0 responses"
    )
    throttle_writes: float = _fault(0.0, "the same share of the writes")
    drop: float = _fault(0.0, "share of the statements that end their connection instead of being answered")
    latency: float = _fault(0.0, "seconds that are added to each statement")
    rate_limit: int = _fault(
        0, "statements a second on one connection, beyond which they are throttled; 0 for no limit"
    )
    expired_credentials: bool = _fault(
        False, "every sign-in with temporary credentials is refused, as if they had expired"
    )
    page_rows: int = _fault(0, "rows that a page has at most, however many were asked for; 0 for no limit")
    empty_pages: bool = _fault(False, "a page without rows comes before each")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if isinstance(value, float) and each.name != "latency" and not 0 <= value <= 1:
                raise BadFaults(f"fault {each.name} is {value}; give a share from 0 to 1")
            if value < 0 or not math.isfinite(value):
                raise BadFaults(f"fault {each.name} is {value}; give 0 or more")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Faults":
        """Raises BadFaults for an unknown name, or a value of another type. A number may be given for a share."""
        fields = {each.name: each for each in dataclasses.fields(cls)}
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name not in fields:
                raise BadFaults(f"there is no fault {name!r}; there are {', '.join(fields)}")
            wanted = type(fields[name].default)
            if wanted is float and type(value) is int:
                value = float(value)
            if type(value) is not wanted:
                raise BadFaults(f"fault {name} is {value!r}; give {_WORDS[wanted]}")
            given[name] = value
        return cls(**given)

    @classmethod
    def parse(cls, settings: list[str]) -> "Faults":
        """From `name=value`s. Raises BadFaults."""
        values = {}
        for setting in settings:
            name, equals, value = setting.partition("=")
            try:
                values[name] = json.loads(value) if equals else True
            except json.JSONDecodeError:
                raise BadFaults(f"fault {name} is {value!r}; give a number, true or false") from None
        return cls.of(values)

    def throttles(self, *, write: bool) -> bool:
        return _happens(self.throttle_writes if write else self.throttle_reads)

    def drops(self) -> bool:
        return _happens(self.drop)


_WORDS = {float: "a number", int: "a whole number", bool: "true or false"}


class FaultsFile:
    """A JSON object of faults in a file, read again as soon as it has changed: `{"latency": 0.2, "drop": 0.01}`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._faults = Faults()

    def write(self, faults: Faults) -> None:
        on = {key: value for key, value in dataclasses.asdict(faults).items() if value}
        write_atomically(self.path, json.dumps(on) + "\n")

    def current(self) -> Faults:
        """Without the file, none. With a bad one, those before, and a log line; for use with each request."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._faults = None, Faults()
            return self._faults
        seen = status.st_mtime_ns, status.st_ino
        if seen != self._seen:
            self._seen = seen
            try:
                self._faults = self.read()
                _log.info("faults: %s", self._faults)
            except BadFaults as error:
                _log.error("%s", error)
        return self._faults

    def read(self) -> Faults:
        """Raises BadFaults."""
        try:
            values = json.loads(self.path.read_text())
        except FileNotFoundError:
            return Faults()
        except OSError as error:
            raise BadFaults(f"{self.path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise BadFaults(f"{self.path} is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise BadFaults(f"{self.path} is not a JSON object of faults")
        try:
            return Faults.of(values)
        except BadFaults as error:
            raise BadFaults(f"{self.path}: {error}") from None


def _happens(share: float) -> bool:
    return share > 0 and random.random() < share  # noqa: S311  # nothing here is a secret
