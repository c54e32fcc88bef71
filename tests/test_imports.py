"""What knows of what: parts that stay apart can be replaced, and used, alone."""

import ast
from pathlib import Path

import pytest

from tests.processes import ROOT

OURS = {
    "components",
    "costs",
    "declared",
    "keyspaces",
    "load_countries",
    "local",
    "local_keyspaces",
    "countries",
    "service",
    "tests",
    "benchmarks",
}


def _imported(file: Path) -> set[str]:
    """Our own modules that a file imports, by their full names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OURS}


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("components", ("components.",)),
        ("app/keyspaces", ("keyspaces.",)),
        ("app/service", ("keyspaces.", "service.")),
        ("app/countries", ("countries.", "service.")),
        ("app/load_countries", ("keyspaces.", "load_countries.")),
        ("local_keyspaces", ("local_keyspaces.",)),
        ("local_keyspaces/cql", ("local_keyspaces.cql.",)),
        ("local", ("declared.", "local.", "local_keyspaces.")),
        ("costs", ("costs.", "declared.")),
        ("declared", ("declared.",)),
        ("policy", ("declared.", "rules.")),
    ],
)
def test_keeps_to_what_it_may_know(folder: str, allowed: tuple[str, ...]) -> None:
    """The local Keyspaces runs alone, images hold no more than they need, and components know of no application."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        for name in _imported(file):
            assert f"{name}.".startswith(allowed), f"{file} imports {name}"
