"""A filled table, and a service in front of it, as processes."""

from collections.abc import Iterator

import pytest

from tests.keyspaces import LocalKeyspaces
from tests.serving.running import fill_things, run_service


@pytest.fixture(scope="package")
def filled(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    """A Keyspaces with the table of things."""
    fill_things(keyspaces)
    return keyspaces


@pytest.fixture(scope="package")
def api(filled: LocalKeyspaces) -> Iterator[str]:
    """The service's address."""
    with run_service(filled) as (port, _):
        yield f"http://127.0.0.1:{port}"
