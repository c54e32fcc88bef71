"""Runs one or several CQL statements through the local Keyspaces endpoint, as administrator or as a role."""

import re
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.configloader
import botocore.session
from botocore.exceptions import ProfileNotFound
from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.protocol import ErrorMessage
from cassandra_sigv4.auth import SigV4AuthProvider

from local_keyspaces import frames
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.state import Running, State

_PROMPT = "cql> "


def run_shell(state: State, running: Running, statement: str | None, profile: str) -> None:
    """Prints the rows of `statement`, or of the statements on standard input, each ended by `;`.

    Raises LocalKeyspacesError.
    """
    with _session(state, running, profile) as session:
        for text in [statement] if statement is not None else _statements():
            try:
                result = session.execute(text)
            except (DriverException, ErrorMessage, NoHostAvailable) as error:
                if statement is None and sys.stdin.isatty():
                    print(f"{type(error).__name__}: {error}", file=sys.stderr)
                    continue
                raise LocalKeyspacesError(f"{type(error).__name__}: {error}") from None
            if result.column_names:
                _print_table(result.column_names, result.all())


@contextmanager
def _session(state: State, running: Running, profile: str) -> Iterator[Session]:
    tls = ssl.create_default_context(cafile=state.ca_file)
    ours = botocore.session.Session(profile=profile)
    ours.set_config_variable("credentials_file", str(state.profiles))
    try:
        session = boto3.Session(botocore_session=ours, region_name=running.region)
    except ProfileNotFound:
        known = ", ".join(botocore.configloader.raw_config_parse(str(state.profiles)))
        raise LocalKeyspacesError(f"there is no profile {profile!r} in {state.profiles}; use one of {known}") from None
    cluster = Cluster(
        ["localhost"],
        port=running.keyspaces_port,
        protocol_version=4,
        auth_provider=SigV4AuthProvider(session),
        ssl_context=tls,
        ssl_options={"server_hostname": "localhost"},
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(
                load_balancing_policy=RoundRobinPolicy(),
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                request_timeout=30.0,
            )
        },
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )
    try:
        yield cluster.connect()
    except NoHostAvailable as error:
        raise LocalKeyspacesError(f"the endpoint refused the sign-in of {profile}: {error}") from None
    finally:
        cluster.shutdown()


def run_statement(
    state: State, running: Running, statement: str, profile: str, *, request_id: str, page: bytes, most: int
) -> tuple[Sequence[str], Sequence[Sequence[str]], bytes]:
    """Columns and rows of one page, at most `most` rows, as text, and the next page's paging state; empty at the end.

    page: the paging state of the page to read; empty for the first page. Raises LocalKeyspacesError.
    """
    with _session(state, running, profile) as session:
        session.default_fetch_size = most
        try:
            result = session.execute(
                statement, custom_payload={frames.REQUEST_ID: request_id.encode()}, paging_state=page or None
            )
        except (DriverException, ErrorMessage, NoHostAvailable) as error:
            raise LocalKeyspacesError(f"{type(error).__name__}: {error}") from None
        rows = [[str(value) for value in row] for row in result.current_rows or ()]
        return result.column_names or (), rows, result.paging_state or b""


def _statements() -> Iterator[str]:
    pending = ""
    while True:
        try:
            line = input(_PROMPT if sys.stdin.isatty() and not pending else "")
        except EOFError:
            break
        complete, pending = _split(f"{pending}{line}\n")
        yield from complete
    if pending.strip():
        yield pending.strip()


# A quoted text or name, a comment, or one character. Of a quote or comment without an end, only the opening matches.
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|(?:--|//)[^\n]*\n|/\*.*?\*/|\$\$|/\*|.""", re.DOTALL)
_UNFINISHED = ("'", '"', "$$", "/*")


def _split(text: str) -> tuple[list[str], str]:
    """The statements that end with `;`, and the text after the last; a `;` in quotes or a comment ends no statement."""
    complete: list[str] = []
    start, empty = 0, True
    for piece in _PIECE.finditer(text):
        if piece[0] in _UNFINISHED:
            return complete, text[start:]
        if piece[0] == ";":
            if not empty:
                complete.append(text[start : piece.start()].strip())
            start, empty = piece.end(), True
        elif not piece[0].isspace() and not piece[0].startswith(("--", "//", "/*")):
            empty = False
    return complete, "" if empty else text[start:].lstrip()


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    cells = [list(columns), *([str(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    header, *body = (
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
    print(header, "-+-".join("-" * width for width in widths), *body, f"({len(rows)} rows)", sep="\n")
