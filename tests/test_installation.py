"""This repository as another project uses it: installed by pip into an empty environment, with a program outside
of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.keyspaces import JARS
from tests.processes import ROOT, free_port, get
from tests.tree import copy_of_what_git_has

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git tracks."""
    return copy_of_what_git_has(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def python(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with only this repository and its extras."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    extras = f"{source}[components,costs,declared,local,local-keyspaces,service]"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", environment, extras], check=True, timeout=600)
    return environment / "bin" / "python"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The result of `pulumi new` with the template: a new name, and no template block."""
    made = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "orders", made, ignore=shutil.ignore_patterns("__pycache__", "wheels", "tests"))
    described = yaml.safe_load((made / "Pulumi.yaml").read_text())
    template = described.pop("template")
    assert set(template["config"]) == {"aws:region"}
    (made / "Pulumi.yaml").write_text(yaml.safe_dump({**described, "name": "shop-orders"}))
    region = template["config"]["aws:region"]["default"]
    (made / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {"aws:region": region}}))
    (made / ".local").mkdir(mode=0o700)
    (made / ".local" / "jars").symlink_to(JARS)
    return made


def _run(python: Path, project: Path, *command: str) -> str:
    run = subprocess.run([python, *command], cwd=project, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    return run.stdout


def test_runs_a_program_outside_of_this_tree(python: Path, project: Path) -> None:
    """A second team would have to work in our repository, or copy it."""
    port = str(free_port())
    _run(python, project, "-m", "local", "up", "--detach", "--port", port)
    try:
        assert len(get(f"http://127.0.0.1:{port}/customers/ann/orders").json()) == 4
        assert _run(python, project, "-m", "local", "output", "url") == f"http://127.0.0.1:{port}\n"
    finally:
        _run(python, project, "-m", "local", "down")
    assert "Table order_events: storage" in _run(python, project, "-m", "costs", "--requests", "3")


def test_brings_the_policy_pack_and_what_it_needs(source: Path, tmp_path: Path) -> None:
    """`pulumi preview --policy-pack` would not find the pack where pip has installed it."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", tmp_path / "venv", f"{source}[policy]"]
    subprocess.run(install, check=True, timeout=300)
    where = _run(tmp_path / "venv" / "bin" / "python", tmp_path, "-c", "import policy; print(*policy.__path__)")
    pack = Path(where.strip())
    assert {"PulumiPolicy.yaml", "__main__.py", "requirements.txt"} <= {file.name for file in pack.iterdir()}
    _run(tmp_path / "venv" / "bin" / "python", pack, "-c", "import rules; assert rules.POLICIES")


def test_builds_the_wheel_that_an_image_needs(source: Path, tmp_path: Path) -> None:
    """The Dockerfile of the example would not find the kit in `wheels`."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, source], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == "keyspaces_microservices-1.0.0-py3-none-any.whl"
    dockerfile = (ROOT / "examples" / "orders" / "app" / "orders.Dockerfile").read_text()
    assert '"keyspaces-microservices[service]==1.0.0"' in dockerfile
