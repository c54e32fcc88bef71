"""What tests share: the evaluated program, and a real Keyspaces endpoint in front of a real Cassandra."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.evaluation import evaluate
from tests.keyspaces import LocalKeyspaces

# No test depends on how fast the machine is, or fails for what a change has not touched.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def program() -> object:
    """The program with the dev stack's settings and everything AWS would compute."""
    return evaluate()


@pytest.fixture(scope="session")
def production() -> object:
    """The same with the settings of Pulumi.prod.example.yaml."""
    return evaluate(stack="prod")


@pytest.fixture(scope="session")
def keyspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyspaces]:
    with LocalKeyspaces.run(tmp_path_factory.mktemp("keyspaces")) as running:
        yield running
