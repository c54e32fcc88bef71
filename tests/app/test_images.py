"""The Dockerfiles, as far as they can be judged without Docker."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
APP = ROOT / "app"
IMAGES = ("load-countries", "query-api")


def _instructions(image: str) -> list[tuple[str, str]]:
    lines = (APP / f"{image}.Dockerfile").read_text().splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line and not line.startswith("#")]


def _pinned(file: Path) -> dict[str, set[str]]:
    """Versions by package; two where one depends on the version of Python."""
    versions: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#", "-")):
            requirement = Requirement(line.removesuffix("\\").strip())
            versions.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return versions


@pytest.mark.parametrize("image", IMAGES)
def test_is_built_on_a_digest(image: str) -> None:
    """A tag moves: the same commit would build another image tomorrow."""
    ((_, base),) = [line for line in _instructions(image) if line[0] == "FROM"]
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)


@pytest.mark.parametrize("image", IMAGES)
def test_sees_what_it_copies_and_nothing_else(image: str) -> None:
    """Else editing one program rebuilds the other and runs the loader again, or a build lacks a file."""
    copied = {argument.split()[0] for name, argument in _instructions(image) if name == "COPY"}
    lines = (APP / f"{image}.Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert {pattern[1:] for pattern in patterns if pattern.startswith("!")} == copied
    assert {"**/__pycache__", "**/*.pyc"} <= set(patterns)
    assert all((APP / path).exists() for path in copied)


@pytest.mark.parametrize("image", IMAGES)
def test_runs_as_nobody_with_a_writable_tmp(image: str) -> None:
    """As a VOLUME, /tmp keeps its mode on Fargate, where a volume else belongs to root."""
    instructions = _instructions(image)
    assert ("VOLUME", "/tmp") in instructions
    ((_, user),) = [line for line in instructions if line[0] == "USER"]
    assert user not in ("root", "0", "0:0")


@pytest.mark.parametrize("image", IMAGES)
def test_installs_pinned_and_hashed_requirements(image: str) -> None:
    """Else a package that changed on its index changes the image."""
    assert any("--require-hashes" in argument for name, argument in _instructions(image) if name == "RUN")
    text = (APP / f"{image}.requirements.txt").read_text()
    packages = re.findall(r"^[\w-]+==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[a-z]", text, re.MULTILINE)) > 5


@pytest.mark.parametrize("image", IMAGES)
def test_has_the_versions_that_are_tested(image: str) -> None:
    """Else what is deployed is not what these tests ran."""
    tested = _pinned(ROOT / "requirements-dev.txt")
    deployed = _pinned(APP / f"{image}.requirements.txt")
    assert deployed.items() <= tested.items()


def test_deploys_with_the_versions_that_are_tested() -> None:
    """The same for `pulumi up`, but for what pulumi-policy, which only the tests have, takes no newer version of."""
    tested, deployed = _pinned(ROOT / "requirements-dev.txt"), _pinned(ROOT / "requirements.txt")
    differing = {package for package, version in deployed.items() if tested.get(package) != version}
    assert differing == {"googleapis-common-protos", "protobuf"}
