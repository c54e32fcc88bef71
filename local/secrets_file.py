"""A file with the values of the parameters that the program generates for its tasks; only its owner may read it."""

import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from local_keyspaces.files import write_atomically

_BYTES = 32


class SecretsFile:
    """The values of one stack, by the parameter's ARN. A value does not change while the file exists."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def values(self, parameters: Iterable[str]) -> Mapping[str, str]:
        """A random value for each of the parameters; a new parameter gets a new value."""
        try:
            known: dict[str, str] = json.loads(self._file.read_text())
        except FileNotFoundError:
            known = {}
        values = {arn: known.get(arn) or secrets.token_urlsafe(_BYTES) for arn in parameters}
        if not values.keys() <= known.keys():
            self._write({**known, **values})
        return values

    def _write(self, values: Mapping[str, str]) -> None:
        self._file.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(self._file, json.dumps(values))
