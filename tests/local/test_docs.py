"""The documentation covers each command."""

import argparse

import pytest

from local.__main__ import _parser
from tests.processes import ROOT

LOCAL = (ROOT / "docs" / "local.md").read_text()


def _commands() -> dict[str, argparse.ArgumentParser]:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(commands.choices)


@pytest.mark.parametrize("command", _commands())
def test_documents_every_command_and_its_options(command: str) -> None:
    """The table of commands would lack one, or name one that does not exist."""
    rows = [line for line in LOCAL.splitlines() if line.startswith(f"| `python -m local {command}")]
    assert len(rows) == 1
    documented = rows[0]
    for action in _commands()[command]._actions:
        names = [name for name in action.option_strings if name.startswith("--") and name != "--help"]
        assert all(name in documented for name in names)
