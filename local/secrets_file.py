"""The values of the parameters that the program generates for its tasks: in a file that only its owner may read."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

_BYTES = 32


class SecretsFile:
    """One stack's, by the parameter's ARN. A value stays as long as the file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def values(self, parameters: Iterable[str]) -> Mapping[str, str]:
        """A random value for each of the parameters; those that have none yet get one."""
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
        unfinished = self._file.with_suffix(".part")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(values, file)
        unfinished.replace(self._file)
