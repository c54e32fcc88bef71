"""docs/keyspaces.md covers each fault, command and option."""

import argparse
import dataclasses

import pytest

from local_keyspaces.__main__ import _parser
from local_keyspaces.faults import Faults
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.verdict import GIVEN, NOT_READY
from tests.processes import ROOT

DOCUMENT = (ROOT / "docs" / "keyspaces.md").read_text()


def _commands() -> dict[str, argparse.ArgumentParser]:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(commands.choices)


@pytest.mark.parametrize("fault", [field.name for field in dataclasses.fields(Faults)])
def test_documents_every_fault(fault: str) -> None:
    """A user could not find a fault that the table leaves out."""
    table = DOCUMENT[DOCUMENT.index("| fault |") : DOCUMENT.index("## Assumptions")]
    assert f"`{fault}`" in table


@pytest.mark.parametrize("command", _commands())
def test_documents_every_command_and_the_options_of_run(command: str) -> None:
    """A user could not find a command or an option that the page leaves out."""
    assert f"local-keyspaces {command}" in DOCUMENT
    if command == "run":
        for action in _commands()[command]._actions:
            names = [name for name in action.option_strings if name.startswith("--") and name != "--help"]
            assert all(name in DOCUMENT for name in names)


def test_documents_the_verdict() -> None:
    """A team could not point its test suite at the endpoint, nor could its build use the exit code."""
    section = DOCUMENT[DOCUMENT.index("## The verdict") : DOCUMENT.index("## The meter")]
    assert "local-keyspaces --verdict" in section
    assert all(f"`{variable}`" in section for variable in GIVEN)
    assert f"| {NOT_READY} |" in section
    assert all(f"`{rule.name}`" in section for rule in ServiceRule if rule.of_connection)
