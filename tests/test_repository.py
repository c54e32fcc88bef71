"""The files around the code: licence, workflows, the tools' settings, links between documents."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pulumi_aws
import pytest
import yaml

from tests.processes import ROOT

_WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("workflow", _WORKFLOWS, ids=lambda file: file.name)
def test_pins_actions_and_gives_workflows_a_token_that_reads(workflow: Path) -> None:
    """A stranger who takes over an action's tag could write to the repository."""
    text = workflow.read_text()
    for action in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert ".ci/run" in text


def test_has_the_whole_licence() -> None:
    """A company's lawyers could not allow the project's use."""
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda file: file.name)
def test_links_to_files_and_headings_that_there_are(document: Path) -> None:
    """A reader who follows a link would find nothing."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text()):
        name, _, heading = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        assert file.exists(), target
        if heading and file.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, target


def test_lists_everything_that_nobody_has_verified() -> None:
    """A user with an AWS account could not find the claims that nobody has verified, or would verify one again."""
    listed = set(re.findall(r"`([\w./-]+/[\w.-]+)`", (ROOT / "docs" / "unverified.md").read_text()))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    marked = {
        name
        for name in tracked.splitlines()
        if name.startswith(("app/", "components/", "costs/", "declared/", "docs/", "local", "policy/", "settings/"))
        and name not in ("docs/unverified.md", "docs/components.md")
        and Path(name).suffix in (".py", ".md", ".yaml", ".Dockerfile")
        and "UNVERIFIED" in (ROOT / name).read_text()
    }
    assert marked <= listed
    assert {name for name in listed if not name.startswith("examples/")} <= marked


def test_has_mypy_read_each_used_module_of_pulumi_aws() -> None:
    """A misspelt argument of a service that mypy does not read would pass every check before `pulumi up`."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    read = {
        name.removesuffix(".*")
        for override in settings["overrides"]
        if override.get("follow_imports") == "normal"
        for name in override["module"]
    }
    sources = [path.read_text() for folder in settings["files"] for path in (ROOT / folder).rglob("*.py")]
    used = {
        getattr(pulumi_aws, node.attr)
        for source in sources
        if "import pulumi_aws as aws" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "aws"
    }
    assert {pulumi_aws.ecs, pulumi_aws.get_region} <= used
    modules = {value.__name__ if isinstance(value, ModuleType) else value.__module__ for value in used}
    assert modules <= read, "add the missing modules to pyproject.toml"
