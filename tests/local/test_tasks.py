"""A task as a process of this machine: what it is told."""

import asyncio
import sys
from pathlib import Path

import pytest

from local.credentials_endpoint import CredentialsEndpoint
from local.secrets_file import SecretsFile
from local.tasks import Surroundings, run_once
from local.translation import OneOff, TaskDefinition
from local_keyspaces.credentials import CredentialStore, Role
from local_keyspaces.processes import Registry


def surroundings_in(directory: Path) -> Surroundings:
    return Surroundings(
        overrides={},
        secrets=SecretsFile(directory / "secrets.json"),
        credentials=CredentialsEndpoint(CredentialStore()),
        logs=directory / "logs",
        registry=Registry(directory / "processes"),
    )


def definition_of(source: str, directory: Path, *, given_secrets: tuple[str, ...] = ()) -> TaskDefinition:
    """A task that runs this Python."""
    return TaskDefinition(
        container="job",
        command=[sys.executable, "-c", source],
        environment={},
        secrets={},
        given_secrets=given_secrets,
        role=Role(arn="arn:aws:iam::000000000000:role/job-task", policies=()),
        directory=directory,
        stop_timeout=5,
        sources=(),
        revision="1",
    )


def test_gives_a_task_the_developers_value_of_an_existing_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that needs the secret does not run on this machine, or gets what its shell happens to have."""
    monkeypatch.setenv("LOCAL_SECRET_PASSWORD", "for this machine")
    monkeypatch.setenv("PASSWORD", "of production")
    task = definition_of(
        "import os; print(os.environ['PASSWORD'], 'LOCAL_SECRET_PASSWORD' in os.environ)",
        tmp_path,
        given_secrets=("PASSWORD",),
    )
    one_off = OneOff(name="job", task=task, timeout=60)
    assert asyncio.run(run_once(one_off, surroundings_in(tmp_path))) == "for this machine False"
