"""What tests share: the evaluated program, and a real Keyspaces endpoint in front of a real Cassandra."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation import evaluate
from tests.keyspaces import LocalKeyspaces

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def program() -> object:
    """The program with the dev stack's settings and everything AWS would compute."""
    return evaluate()


@pytest.fixture(scope="session")
def keyspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyspaces]:
    with LocalKeyspaces.run(tmp_path_factory.mktemp("keyspaces")) as running:
        yield running
