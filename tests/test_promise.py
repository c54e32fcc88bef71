"""DESIGN.md's promise to a second team: it deletes our two programs, adds its own, and keeps everything else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.testing import run_stack
from tests.keyspaces import JARS
from tests.processes import ROOT, get
from tests.tree import copy_of_what_git_has

_OURS = ("app/countries/", "app/load_countries/", "tests/countries/", "tests/load_countries/", "tests/stack/")
_THEIRS = ("__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml", "app")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository without our programs and their tests, with the example's in their place."""
    made = copy_of_what_git_has(tmp_path_factory.mktemp("tree"), without=_OURS)
    for name in _THEIRS:
        source = ROOT / "examples" / "orders" / name
        if source.is_dir():
            shutil.copytree(source, made / name, dirs_exist_ok=True)
        else:
            shutil.copy(source, made / name)
    (made / ".local").mkdir(mode=0o700)
    (made / ".local" / "jars").symlink_to(JARS)
    return made


@pytest.mark.long
def test_runs_another_teams_stack_in_place_of_ours(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second team would find out by deleting our programs that a general package needs one of them."""
    monkeypatch.chdir(tree)
    with run_stack(tree, directory=tree / ".local") as stack:
        answer = get(f"{stack.outputs['url']}/customers/ann/orders")
    assert answer.status == 200
    assert len(answer.json()) == 4


@pytest.mark.long
def test_passes_the_tests_of_components_costs_and_policies_there(tree: Path) -> None:
    """A general test would hold only for our programs."""
    folders = ["tests/components", "tests/costs", "tests/policy"]
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", "-p", "no:cacheprovider", *folders]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-4000:]
