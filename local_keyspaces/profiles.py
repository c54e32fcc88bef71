"""An AWS credentials file for people, with a profile for each principal that a person may act as.

Each profile also has a user name and a password, for clients without SigV4; AWS's tools ignore unknown fields.
"""

import asyncio
import configparser
import datetime
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from local_keyspaces.credentials import Credentials, CredentialStore, Password, Role
from local_keyspaces.files import write_atomically
from local_keyspaces.iam import ADMINISTRATOR as EVERYTHING
from local_keyspaces.iam import Principal

ADMINISTRATOR = "administrator"
# A role's longest session (IAM user guide, "Maximum session duration").
_LIFETIME = datetime.timedelta(hours=12)
_USER_NAME, _PASSWORD = "keyspaces_user_name", "keyspaces_password"  # names of fields
_RENEWED_AFTER = datetime.timedelta(hours=1)


@asynccontextmanager
async def keep_profiles(
    file: Path, store: CredentialStore, *, account: str, roles: Mapping[str, Role]
) -> AsyncIterator[None]:
    """Writes a profile for the administrator, with all permissions, and one for each role, renewed every hour."""
    known = configparser.RawConfigParser()
    known.read(file)
    administrator = _administrator(known, store, account)
    principals = {ADMINISTRATOR: administrator.principal, **{name: store.session_of(roles[name]) for name in roles}}
    passwords = {
        name: store.issue_password(principal, known.get(name, _PASSWORD, fallback=None))
        for name, principal in principals.items()
    }

    def write() -> None:
        sessions = {name: store.issue_for_role(role, _LIFETIME) for name, role in roles.items()}
        _write(file, {ADMINISTRATOR: administrator, **sessions}, passwords)

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEWED_AFTER.total_seconds())
            write()

    write()
    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


def read_password(file: Path, profile: str) -> tuple[str, str]:
    """The profile's user name and password, as `keep_profiles` has written them."""
    parser = configparser.RawConfigParser()
    parser.read(file)
    return parser[profile][_USER_NAME], parser[profile][_PASSWORD]


def _administrator(known: configparser.RawConfigParser, store: CredentialStore, account: str) -> Credentials:
    """The administrator, with the keys of the last run, because programs that still run use them."""
    user = Principal(
        arn=f"arn:aws:iam::{account}:user/{ADMINISTRATOR}",
        policies=(EVERYTHING,),
        decided=store.decisions.of(ADMINISTRATOR),
    )
    if not known.has_section(ADMINISTRATOR):
        return store.issue_for_user(user)
    credentials = Credentials(
        principal=user,
        access_key=known[ADMINISTRATOR]["aws_access_key_id"],
        secret_key=known[ADMINISTRATOR]["aws_secret_access_key"],
    )
    store.add(credentials)
    return credentials


def _write(file: Path, profiles: Mapping[str, Credentials], passwords: Mapping[str, Password]) -> None:
    """Writes the file, readable by this user only. A program that reads it meanwhile gets the old content."""
    parser = configparser.RawConfigParser()
    for name, credentials in profiles.items():
        parser[name] = {"aws_access_key_id": credentials.access_key, "aws_secret_access_key": credentials.secret_key}
        if credentials.session_token is not None:
            parser[name]["aws_session_token"] = credentials.session_token
        parser[name].update({_USER_NAME: passwords[name].user_name, _PASSWORD: passwords[name].password})
    text = io.StringIO()
    parser.write(text)
    write_atomically(file, text.getvalue())
