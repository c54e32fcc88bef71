"""The allowed imports between packages: parts that stay apart can be replaced and used alone."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

OURS = {
    "components",
    "costs",
    "declared",
    "diagram",
    "keyspaces",
    "load_countries",
    "loader",
    "local",
    "local_keyspaces",
    "countries",
    "orders",
    "service",
    "tests",
    "benchmarks",
}


def _imported(file: Path) -> set[str]:
    """The full names of our own modules that a file imports."""
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
        ("app/loader", ("keyspaces.", "loader.")),
        ("app/load_countries", ("load_countries.", "loader.")),
        ("local_keyspaces", ("local_keyspaces.",)),
        ("local_keyspaces/cql", ("local_keyspaces.cql.",)),
        ("local", ("costs.", "declared.", "diagram.", "local.", "local_keyspaces.")),
        ("costs", ("costs.", "declared.")),
        ("diagram", ("declared.", "diagram.")),
        ("declared", ("declared.",)),
        ("policy", ("declared.", "rules.")),
        ("settings", ("components.", "settings.")),
        ("examples/orders/app", ("orders.", "service.")),
    ],
)
def test_keeps_to_what_it_may_know(folder: str, allowed: tuple[str, ...]) -> None:
    """The local Keyspaces could not run alone, an image would hold more than it needs, or a component would depend on
    an application."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        for name in _imported(file):
            assert f"{name}.".startswith(allowed), f"{file} imports {name}"


def test_has_no_cycle_between_packages_of_the_components() -> None:
    """Two packages that import each other could only be understood and changed together."""
    packages = {folder.name for folder in (ROOT / "components").iterdir() if folder.is_dir()} - {"__pycache__"}
    imports: dict[str, set[str]] = {}
    for name in packages:
        files = (ROOT / "components" / name).rglob("*.py")
        found = {imported.split(".")[1] for file in files for imported in _imported(file) if imported.count(".")}
        imports[name] = (found & packages) - {name}

    def reached(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        return {name}.union(*(reached(other, seen | {name}) for other in imports[name] - seen))

    for name in packages:
        for other in imports[name]:
            assert name not in reached(other), f"components/{name} and components/{other} import each other"


def test_is_imported_by_nothing_but_itself_and_tests() -> None:
    """A program that only needs the declared resources would have to import all that runs a stack on one machine."""
    for folder in ("components", "costs", "declared", "diagram", "local_keyspaces", "policy", "settings", "app"):
        for file in (ROOT / folder).rglob("*.py"):
            assert not {name for name in _imported(file) if name.split(".")[0] == "local"}, file


# Files about this stack's two programs: the programs, their stack, its settings and their tests.
_OF_THE_PROGRAMS = (
    *("__main__.py", "Pulumi", "settings/", "app/countries", "app/load_countries", "app/load-countries", "README.md"),
    *("docs/", "tests/", "benchmarks/", "Makefile", "pyproject.toml", "requirements-dev.in", ".gitignore"),
)
_WORDS = re.compile(r"countr(y|ies)|query.api", re.IGNORECASE)


def test_names_no_program_in_rooms_that_serve_any() -> None:
    """A second team would have to edit packages that should serve it unchanged."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not name.startswith(_OF_THE_PROGRAMS) and (ROOT / name).suffix in (".py", ".yaml", ".html"):
            for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
                assert not _WORDS.search(line), f"{name}:{number}: {line.strip()}"


_ROOMS = (
    *("app/keyspaces", "app/service", "app/countries", "app/load_countries", "app/loader"),
    *("components", "costs", "declared", "diagram", "local", "local_keyspaces", "policy", "settings"),
)
# Each name is one thing seen from two packages: as declared, as made on this machine, or as a client sees it.
_NAMED_TWICE = {"Column", "LoadBalancer", "Resource", "Role", "Service", "Stack", "Table", "TableSchema", "Target"}


def test_gives_no_two_public_classes_one_name() -> None:
    """A reader who searches for a class would find another one."""
    rooms: dict[str, set[str]] = {}
    for room in _ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.parse(file.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    rooms.setdefault(node.name, set()).add(room)
    assert {name for name, found in rooms.items() if len(found) > 1} == _NAMED_TWICE


def test_components_load_no_service_of_aws_before_it_is_used() -> None:
    """Every preview, update and saved edit, and every dynamic provider of `pulumi up`, would take five seconds more.
    pulumi_aws loads a service's module when the service is named, and an annotation names it unless it is postponed."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, components; print(*sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    services = {name.split(".")[1] for name in loaded if re.fullmatch(r"pulumi_aws\.\w+\.\w+", name)}
    assert services <= {"keyspaces"}  # small, and named by a type alias
