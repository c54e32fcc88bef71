"""Faults that the endpoint injects on demand, to test how clients handle them."""

import dataclasses
import json
import logging
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
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
    """All faults; each is off by default. A share is a fraction of the statements, from 0 to 1."""

    throttle_reads: float = _fault(
        0.0, "share of the reads that are throttled: they are answered with a timeout and 0 responses"
    )
    throttle_writes: float = _fault(0.0, "the same share of the writes")
    drop: float = _fault(0.0, "share of the statements whose connection is closed instead of an answer")
    latency: float = _fault(0.0, "seconds that are added to each statement")
    rate_limit: int = _fault(
        0, "statements a second on one connection above which the rest is throttled; 0 for no limit"
    )
    expired_credentials: bool = _fault(
        False, "every sign-in with temporary credentials is refused, as if they had expired"
    )
    page_rows: int = _fault(0, "the most rows in a page, whatever page size the client requests; 0 for no limit")
    empty_pages: bool = _fault(False, "an empty page comes before each page")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if isinstance(value, float) and each.name != "latency" and not 0 <= value <= 1:
                raise BadFaults(f"fault {each.name} is {value}; give a share from 0 to 1")
            if value < 0 or not math.isfinite(value):
                raise BadFaults(f"fault {each.name} is {value}; give 0 or more")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Faults":
        """Raises BadFaults for an unknown name, or a value of the wrong type. A share may be a whole number."""
        fields = {each.name: each for each in dataclasses.fields(cls)}
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name not in fields:
                raise BadFaults(f"there is no fault {name!r}; the faults are {', '.join(fields)}")
            wanted = type(fields[name].default)
            if wanted is float and type(value) is int:
                value = float(value)
            if type(value) is not wanted:
                raise BadFaults(f"fault {name} is {value!r}; give {_WORDS[wanted]}")
            given[name] = value
        return cls(**given)

    @classmethod
    def parse(cls, settings: list[str]) -> "Faults":
        """Parses settings of the form `name=value`. Raises BadFaults."""
        values = {}
        for setting in settings:
            name, equals, value = setting.partition("=")
            try:
                values[name] = json.loads(value) if equals else True
            except json.JSONDecodeError:
                raise BadFaults(f"fault {name} is {value!r}; give a number, true or false") from None
        return cls.of(values)

    @cached_property
    def any(self) -> bool:
        """False if all are off."""
        return self != _NONE

    def throttles(self, *, write: bool) -> bool:
        return _happens(self.throttle_writes if write else self.throttle_reads)

    def drops(self) -> bool:
        return _happens(self.drop)


_NONE = Faults()
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
        """The faults that are on; fast enough to call for each request.

        Without the file, no faults are on. If the file is malformed, logs an error and keeps the previous faults.
        """
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
