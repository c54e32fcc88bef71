"""Fetches, builds and runs the programs, and reads what they say of each step: `STEP: ok` or `STEP: failed: why`."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tests.clients.languages import PROGRAMS, Client

_BUILD_SECONDS, _RUN_SECONDS = 1800.0, 900.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """Of one program with one way to sign in. missing: why it did not run, or "". failed: steps, with why."""

    client: Client
    sign_in: str
    passed: Sequence[str] = ()
    failed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    missing: str = ""

    @property
    def ok(self) -> bool:
        return tuple(self.passed) == tuple(self.client.steps) and not self.failed


def run_client(client: Client) -> list[Result]:
    """With each way to sign in. A program that cannot be built has not run."""
    if missing := _build(client):
        return [Result(client=client, sign_in=sign_in, missing=missing) for sign_in in client.sign_ins]
    return [_run(client, sign_in) for sign_in in client.sign_ins]


def read_steps(client: Client, sign_in: str, output: str, exit_code: int) -> Result:
    """The steps in the program's output. A step that it does not name has failed."""
    said = dict(re.findall(r"^([\w -]+): (ok|failed: .*)$", output, re.MULTILINE))
    failed = {
        step: said.get(step, f"not reached, exit code {exit_code}").removeprefix("failed: ")
        for step in client.steps
        if said.get(step) != "ok"
    }
    return Result(
        client=client, sign_in=sign_in, passed=[step for step in client.steps if step not in failed], failed=failed
    )


def _build(client: Client) -> str:
    """Returns why that is not possible, in one line, or ""."""
    if shutil.which(client.tool) is None:
        return f"`{client.tool}` is missing"
    shutil.copytree(PROGRAMS / client.folder, client.work, dirs_exist_ok=True)
    for command in client.build:
        log = client.work / "build.log"
        with log.open("w") as file:
            ended = subprocess.run(
                command,
                cwd=client.work,
                env={**os.environ, **client.environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=_BUILD_SECONDS,
            )
        if ended.returncode:
            print(log.read_text())
            return f"`{' '.join(command[:2])}` failed"
    return ""


def _run(client: Client, sign_in: str) -> Result:
    ended = subprocess.run(
        [*client.start, sign_in, f"clients_{client.folder}_{sign_in}"],
        cwd=client.work,
        env={**os.environ, **client.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
    )
    result = read_steps(client, sign_in, ended.stdout, ended.returncode)
    if not result.ok:
        print(ended.stderr[-4000:])
    return result
