"""Programs as processes, and HTTP requests as a client sends them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

ROOT = Path(__file__).parent.parent

# root may write anywhere, so the program runs as a nameless user that may read everything and write nothing, as in
# the image.
CAN_BE_NOBODY = os.geteuid() != 0 or shutil.which("setpriv") is not None
AS_NOBODY = (
    (
        *("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"),
        *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
    )
    if os.geteuid() == 0
    else ()
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def get(url: str, method: str = "GET", headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    try:
        request = urllib.request.Request(url, headers=dict(headers), method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(status=response.status, headers=dict(response.headers), text=response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(status=error.code, headers=dict(error.headers), text=error.read().decode())


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_program(
    module: str, *arguments: str, environment: Mapping[str, str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program of app/ to its end. given: its standard input."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT / "app",
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        input=given,
        text=True,
        timeout=120,
    )


@contextmanager
def start_program(
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    prefix: Sequence[str] = (),
    cwd: Path = ROOT / "app",
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[str]]:
    """Runs a program of app/ in the block, and kills it at the end. Its standard error, with the reason for its exit,
    is a pipe."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={"PATH": os.defpath, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
