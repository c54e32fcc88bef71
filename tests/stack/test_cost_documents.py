"""The cost tables in the documentation."""

import re

import pytest

from costs.__main__ import _parser
from costs.documents import DOCUMENTS, estimate_stack, replaced, tables
from declared.errors import ProgramError
from declared.settings import read_settings
from tests.evaluation import ROOT

_TEXTS = {document: (ROOT / document).read_text() for document in DOCUMENTS}
_TABLES = [(document, name) for document, names in DOCUMENTS.items() for name in names]


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    return tables(ROOT)


@pytest.mark.parametrize(("document", "name"), _TABLES)
def test_shows_each_table_as_it_is_computed(shown: dict[str, str], document: str, name: str) -> None:
    """A reader plans with outdated costs: the stack, a price or an assumption has changed since."""
    assert replaced(_TEXTS[document], name, shown[name]) == _TEXTS[document], (
        f"the table {name} in {document} is out of date: run .venv/bin/python -m costs --update-docs"
    )


def test_shows_every_table(shown: dict[str, str]) -> None:
    """A computed table is missing from the page, or a table on the page is never renewed."""
    assert {name for _, name in _TABLES} == set(shown)


def test_replaces_a_table_and_nothing_else() -> None:
    """A second run of the command adds lines, or deletes text that people wrote."""
    text = (
        "before\n<!-- dev: begin -->\n\n| old |\n\n<!-- dev: end -->\nafter\n<!-- ways: begin -->\n<!-- ways: end -->\n"
    )
    new = replaced(text, "dev", r"| \1 |")
    assert new == text.replace("| old |", r"| \1 |")
    assert replaced(new, "dev", r"| \1 |") == new


def test_reports_which_marks_are_missing() -> None:
    """A table silently disappears from the document."""
    with pytest.raises(ProgramError, match="<!-- ways: begin -->"):
        replaced("<!-- dev: begin -->\n<!-- dev: end -->\n", "ways", "| |")


def test_shows_commands_for_existing_stacks() -> None:
    """The first command that a reader copies fails, since its stack does not exist."""
    stacks = re.findall(r"python -m costs .*--stack (\S+)", "".join(_TEXTS.values()))
    assert stacks
    for stack in stacks:
        assert estimate_stack(ROOT, read_settings(ROOT, stack)).a_month() > 0


def test_documents_every_option() -> None:
    """A user does not learn of an option."""
    for action in _parser()._actions:
        for name in action.option_strings:
            assert name in ("-h", "--help") or f"| `{name}` |" in _TEXTS["docs/cost.md"]
