"""The diagram of this stack in the documentation."""

from diagram.__main__ import draw
from tests.evaluation import ROOT


def test_shows_the_stack_as_it_is_declared() -> None:
    """The README's diagram, which a reader sees first, differs from the deployed stack."""
    assert draw(ROOT, "dev") == (ROOT / "docs" / "stack.svg").read_text(), (
        "docs/stack.svg is out of date: run .venv/bin/python -m diagram --output docs/stack.svg"
    )
