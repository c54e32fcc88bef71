"""The picture of this stack in the documentation."""

from diagram.__main__ import draw
from tests.evaluation import ROOT


def test_shows_the_stack_as_it_is_declared() -> None:
    """The first thing that a reader sees is not what is deployed."""
    assert draw(ROOT, "dev") == (ROOT / "docs" / "stack.svg").read_text(), (
        "docs/stack.svg is out of date: run .venv/bin/python -m diagram --output docs/stack.svg"
    )
