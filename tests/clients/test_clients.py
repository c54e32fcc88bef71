"""The runner of the programs in other languages, and the table of their last run; `make test-clients` runs them."""

import pytest

from tests.clients.languages import CLIENTS, PROGRAMS, Client
from tests.clients.run import read_steps
from tests.clients.table import driver_of, plugin_of, render, stored

_PASSED = "".join(f"{step}: ok\n" for step in CLIENTS[0].steps)


def test_fails_for_each_step_that_a_program_does_not_pass() -> None:
    """A program that stops in the middle counts as one that passed."""
    first, second, third, *rest = CLIENTS[0].steps
    result = read_steps(CLIENTS[0], "sigv4", f"a warning\n{first}: ok\n{second}: failed: no | way\n", exit_code=1)
    assert not result.ok
    assert list(result.passed) == [first]
    assert result.failed == {second: "no | way"} | dict.fromkeys([third, *rest], "not reached, exit code 1")
    assert rf"| 1 of {len(CLIENTS[0].steps)} | {second}: no \| way;" in render([result])
    assert read_steps(CLIENTS[0], "sigv4", _PASSED, exit_code=0).ok


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.folder)
def test_runs_every_step_in_every_language(client: Client) -> None:
    """A program leaves a step out, and the table says that it passed them all."""
    source = (PROGRAMS / client.folder / client.source).read_text()
    assert [step for step in client.steps if f'"{step}"' not in source] == []


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.folder)
def test_documents_the_versions_that_were_run(client: Client) -> None:
    """The documentation says that a driver works which was never tried: `make test-clients` writes the table anew."""
    assert f"| {driver_of(client)} |" in stored()
    assert plugin_of(client) in stored()
