"""Requests the values of a running stack from its console, for commands with `--json`."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from local.errors import LocalError
from local_keyspaces.state import Running

_SECONDS: Final = 600.0  # a deployment waits for health checks
_POLL_SECONDS: Final = 0.3
_LINES_OF_A_POLL: Final = 10_000


def ask(running: Running, what: str, parameters: Mapping[str, str] | None = None, *, post: bool = False) -> Any:
    """The console's answer at `api/<what>`. Raises LocalError."""
    if not running.console:
        raise LocalError("the stack is still starting, and has no console yet")
    address = urlsplit(running.console)
    given = urlencode({name: value for name, value in (parameters or {}).items() if value})
    request = urllib.request.Request(
        f"http://{address.netloc}{address.path}api/{what}{'?' if given else ''}{given}",
        method="POST" if post else "GET",
        headers={
            "Authorization": f"Bearer {address.query.removeprefix('token=')}",
            "Origin": f"http://{address.netloc}",
        },
    )
    try:
        # Connects directly, even if the environment names a proxy.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise LocalError(error.read().decode().strip()) from None
    except OSError as error:
        raise LocalError(f"the console does not answer: {error}") from None


def log_lines(running: Running, parameters: Mapping[str, str], *, follow: bool) -> Iterator[Mapping[str, Any]]:
    """The newest matching lines, the newest last; with `follow`, also all new lines, without an end."""
    shown: dict[str, int] = {}
    while True:
        most = parameters.get("most", "") if not shown else str(_LINES_OF_A_POLL)
        for line in ask(running, "logs", {**parameters, "most": most})["lines"]:
            if line["offset"] > shown.get(line["task"], -1):
                shown[line["task"]] = line["offset"]
                yield line
        if not follow:
            return
        time.sleep(_POLL_SECONDS)
