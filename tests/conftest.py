"""Shared fixtures: the evaluated program, and a real Keyspaces endpoint in front of a real Cassandra."""

import gc
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.evaluation import evaluate
from tests.keyspaces import LocalKeyspaces

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# An evaluation of the program makes many objects that live until its end. A garbage collection after every 700 new
# ones would take a fifth of its time.
gc.set_threshold(100_000, 50, 100)

# No test depends on the machine's speed, or fails because of code that a change has not touched.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests marked `first` to the front: at the end, a minute's test would leave the other process idle."""
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


@pytest.fixture(scope="session")
def program() -> object:
    """The program with the dev stack's settings and all values that AWS computes."""
    return evaluate()


@pytest.fixture(scope="session")
def production() -> object:
    """The program with the settings of Pulumi.prod.example.yaml."""
    return evaluate(stack="prod")


@pytest.fixture(scope="session")
def keyspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyspaces]:
    with LocalKeyspaces.run(tmp_path_factory.mktemp("keyspaces")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, for tests that are `long`."""
    from playwright.sync_api import sync_playwright  # the ordinary suite has no use for it

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium, or brew install it")
    with sync_playwright() as playwright:
        # Root, as in a container of CI, cannot have Chromium's sandbox.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
