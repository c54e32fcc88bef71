"""The stack of orders, on this machine."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.testing import RunningStack, run_stack

PROGRAM = Path(__file__).parent.parent
JARS = Path(".local/jars")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with run_stack(PROGRAM, directory=tmp_path_factory.mktemp("orders"), jars=JARS if JARS.exists() else None) as stack:
        yield stack


@pytest.fixture
def api(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.outputs["url"], timeout=30) as client:
        yield client
