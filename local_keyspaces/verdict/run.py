"""Runs a program's own tests against an empty local Keyspaces, and writes the verdict on it."""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from local_keyspaces.capacity import Clock
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.faults import Faults
from local_keyspaces.foreground import ignore_interrupts, until_stopped
from local_keyspaces.listening import listen
from local_keyspaces.processes import Registry, end_leftovers, end_process
from local_keyspaces.profiles import ADMINISTRATOR, keep_profiles, read_password
from local_keyspaces.progress import Progress
from local_keyspaces.running import run_with_cassandra
from local_keyspaces.service import LocalKeyspaces
from local_keyspaces.standalone import ACCOUNT, roles_of
from local_keyspaces.state import State
from local_keyspaces.verdict import GIVEN, NOT_READY
from local_keyspaces.verdict.page import write_report
from local_keyspaces.verdict.report import Run, Verdict, judge
from local_keyspaces.witness import Witness

_NAME = "verdict"
_STOP_SECONDS = 10.0
# Other credentials would take precedence over the profile, and would reach the service itself.
_REMOVED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN")
_REMOVED_PREFIXES = ("AWS_CONTAINER_", "AWS_WEB_IDENTITY_", "AWS_ENDPOINT_URL")


def run_verdict(
    directory: Path,
    command: Sequence[str],
    *,
    reports: Sequence[Path],
    port: int,
    region: str,
    policy_file: Path | None,
    schema_delay: float,
    faults: Faults,
    progress: Progress,
    capacity_clock: Clock | None = None,
) -> int:
    """directory: has the jars; all other data is in its folder `verdict`, and is deleted at each start.

    Returns the command's exit code if it is not 0, otherwise NOT_READY or 0. Raises LocalKeyspacesError.
    """
    if not command:
        raise LocalKeyspacesError("there is no command to run: give it after --, as in --verdict report.html -- pytest")
    for report in reports:
        if not report.absolute().parent.is_dir():
            raise LocalKeyspacesError(f"{report} cannot be written: there is no directory {report.absolute().parent}")
    roles = roles_of(policy_file)
    state = State(directory / _NAME, stop="Ctrl-C", jars=directory / "jars")
    witness = Witness()
    verdicts: list[Verdict] = []

    async def work() -> None:
        async with AsyncExitStack() as exit_stack:
            running = await exit_stack.enter_async_context(
                run_with_cassandra(
                    state,
                    name=_NAME,
                    listener=listen(port, "with --port"),
                    region=region,
                    account=ACCOUNT,
                    faults=faults,
                    registry=Registry(state.processes),
                    progress=progress,
                    schema_delay=schema_delay,
                    capacity_clock=capacity_clock,
                    witness=witness,
                )
            )
            await exit_stack.enter_async_context(
                keep_profiles(state.profiles, running.keyspaces.store, account=ACCOUNT, roles=roles)
            )
            profile = next(iter(roles), ADMINISTRATOR)
            environment = _environment(running.keyspaces, state, region, profile)
            ended = asyncio.create_task(_run_command(command, environment))
            failed = asyncio.create_task(running.cassandra.watch())
            try:
                await asyncio.wait({ended, failed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (ended, failed):
                    task.cancel()
                await asyncio.gather(ended, failed, return_exceptions=True)
            if not ended.cancelled():
                decisions = running.keyspaces.store.decisions.snapshot()
                metered = running.keyspaces.meter.snapshot()["statements"]
                run = Run(
                    command=command,
                    exit_code=ended.result(),
                    region=region,
                    witness=witness,
                    metered=metered,
                    decisions=decisions,
                )
                verdicts.append(judge(run))
            else:
                failed.result()

    with state.lock():
        end_leftovers(state.processes)
        shutil.rmtree(state.data, ignore_errors=True)
        state.clear_logs()
        try:
            stopped = uvloop.run(until_stopped(work(), progress))
        finally:
            ignore_interrupts()
    if stopped:
        raise KeyboardInterrupt
    (verdict,) = verdicts
    for report in reports:
        write_report(verdict, report)
    _print(verdict, reports, progress)
    return verdict.exit_code or (0 if verdict.ready else NOT_READY)


async def _run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code, or 128 plus the number of the signal that ended it, as in shells. Raises LocalKeyspacesError."""
    try:
        process = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)
    except OSError as error:
        raise LocalKeyspacesError(f"{command[0]} cannot be run: {error.strerror}") from None
    try:
        code = await process.wait()
    finally:
        await end_process(process, stop_timeout=_STOP_SECONDS)
    return code if code >= 0 else 128 - code


def _environment(keyspaces: LocalKeyspaces, state: State, region: str, profile: str) -> Mapping[str, str]:
    user_name, password = read_password(state.profiles, profile)
    given = {
        "KEYSPACES_HOST": "localhost",
        "KEYSPACES_PORT": str(keyspaces.port),
        "KEYSPACES_ENDPOINT": f"localhost:{keyspaces.port}",
        "KEYSPACES_CA_FILE": str(keyspaces.ca_file),
        "SSL_CERTFILE": str(keyspaces.ca_file),
        "AWS_SHARED_CREDENTIALS_FILE": str(state.profiles),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_PROFILE": profile,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        # Without it, AWS's plugin for Node.js, which uses the SDK's version 2, reads only the home folder.
        "AWS_SDK_LOAD_CONFIG": "1",
        # AWS_SHARED_CREDENTIALS_FILE as version 1 of AWS's SDK for Java names it; the plugin for Java driver 3 uses it.
        "AWS_CREDENTIAL_PROFILES_FILE": str(state.profiles),
        "KEYSPACES_USER_NAME": user_name,
        "KEYSPACES_PASSWORD": password,
    }
    assert tuple(given) == GIVEN
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _REMOVED and not name.startswith(_REMOVED_PREFIXES)
    }
    return {**kept, **given}


def _print(verdict: Verdict, reports: Sequence[Path], progress: Progress) -> None:
    progress.say(f"\nverdict: {'READY' if verdict.ready else 'NOT READY'} ({', '.join(map(str, reports))})")
    for reason in verdict.reasons:
        progress.say(f"  {reason}")
    for finding in (*verdict.refusals, *verdict.settings):
        for statement in finding.statements:
            where = ", ".join(statement.places) or "place not found"
            progress.say(f"  {finding.rule}: {where}: {statement.text}")
    total = verdict.total
    progress.say(
        f"  consumed: {total.statements} statements, {total.read_units:g} read units, {total.write_units:g} write"
        f" units, ${total.dollars:.6f}"
    )
