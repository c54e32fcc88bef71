"""Credentials for people: an AWS credentials file with a profile for each principal a person may act as."""

import os
from pathlib import Path

from local.keyspaces.credentials import Credentials

ADMINISTRATOR = "administrator"


def write_profile(file: Path, name: str, credentials: Credentials) -> None:
    """Only this user can read the file."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as profile:
        profile.write(
            f"[{name}]\n"
            f"aws_access_key_id = {credentials.access_key}\n"
            f"aws_secret_access_key = {credentials.secret_key}\n"
        )
