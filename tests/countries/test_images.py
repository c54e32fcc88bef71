"""The Dockerfiles, as far as tests can check them without Docker."""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
APP = ROOT / "app"
IMAGES = ("load-countries", "countries")


def _instructions(image: str) -> list[tuple[str, str]]:
    text = (APP / f"{image}.Dockerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines]


def _stages(image: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The instructions of the build stage and of the final stage; each stage begins with FROM."""
    instructions = _instructions(image)
    first, second = (index for index, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[first:second], instructions[second:]


def _pinned(file: Path) -> dict[str, set[str]]:
    """The versions of each package; two if one depends on the version of Python."""
    versions: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#", "-")):
            requirement = Requirement(line.removesuffix("\\").strip())
            versions.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return versions


@pytest.mark.parametrize("image", IMAGES)
def test_is_built_on_a_digest(image: str) -> None:
    """The same commit would build another image tomorrow, since a tag can move."""
    name, base = _instructions(image)[0]
    assert name == "ARG"
    assert re.fullmatch(r"PYTHON=[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)


@pytest.mark.parametrize("image", IMAGES)
def test_builds_for_another_architecture_without_emulation(image: str) -> None:
    """An image for another architecture would not build, since the building machine cannot run its commands."""
    install, final = _stages(image)
    # Both stages have the same Python, since packages are installed and compiled for one version.
    assert install[0] == ("FROM", "--platform=$BUILDPLATFORM ${PYTHON} AS packages")
    assert final[0] == ("FROM", "${PYTHON}")
    assert {name for name, _ in final} == {"FROM", "ENV", "WORKDIR", "COPY", "VOLUME", "USER", "CMD"}


@pytest.mark.parametrize("image", IMAGES)
def test_installs_wheels_for_the_architecture_of_the_image(image: str) -> None:
    """Code that was compiled for the building machine would be copied, and the program would fail to start."""
    install, final = _stages(image)
    assert ("ARG", "TARGETARCH") in install
    ((_, run),) = [line for line in install if line[0] == "RUN"]
    machines = dict(re.findall(r"(\w+)\) machine=(\w+)", run))
    assert machines == {"amd64": "x86_64", "arm64": "aarch64"}
    # Without a platform, pip takes wheels for the machine it runs on; from source, it would build for it.
    assert {"--only-binary=:all:", "--require-hashes"} <= set(run.split())
    assert set(re.findall(r"--platform (\S+)", run)) == {'"manylinux_2_28_$machine"', '"manylinux_2_17_$machine"'}
    assert "--target /packages" in run
    assert ("COPY", "--from=packages /packages /packages") in final
    ((_, variables),) = [line for line in final if line[0] == "ENV"]
    assert "PYTHONPATH=/packages" in variables.split()


@pytest.mark.parametrize("image", IMAGES)
def test_sees_what_it_copies_and_nothing_else(image: str) -> None:
    """An edit of one program would rebuild the other and run the loader again, or a build would lack a file."""
    arguments = [argument for name, argument in _instructions(image) if name == "COPY"]
    copied = {argument.split()[0] for argument in arguments if not argument.startswith("--from=")}
    lines = (APP / f"{image}.Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert {pattern[1:] for pattern in patterns if pattern.startswith("!")} == copied
    assert {"**/__pycache__", "**/*.pyc"} <= set(patterns)
    assert all((APP / path).exists() for path in copied)


@pytest.mark.parametrize("image", IMAGES)
def test_runs_as_nobody_with_a_writable_tmp(image: str) -> None:
    """The program could not write to /tmp on Fargate, where a volume belongs to root unless the image declares it as
    VOLUME."""
    _, final = _stages(image)
    assert ("VOLUME", "/tmp") in final
    ((_, user),) = [line for line in final if line[0] == "USER"]
    assert user not in ("root", "0", "0:0")


@pytest.mark.parametrize("image", IMAGES)
def test_starts_the_program_itself(image: str) -> None:
    """ECS would kill the program with requests in flight, since a shell does not pass SIGTERM on."""
    _, final = _stages(image)
    ((_, command),) = [line for line in final if line[0] == "CMD"]
    assert json.loads(command) == ["python", "-m", image.replace("-", "_")]


@pytest.mark.parametrize("image", IMAGES)
def test_installs_pinned_and_hashed_requirements(image: str) -> None:
    """A package that changed on its index would change the image."""
    ((_, run),) = [line for line in _instructions(image) if line[0] == "RUN"]
    assert run.endswith(f"-r {image}.requirements.txt")
    text = (APP / f"{image}.requirements.txt").read_text()
    packages = re.findall(r"^[\w-]+==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[a-z]", text, re.MULTILINE)) > 5


@pytest.mark.parametrize("image", IMAGES)
def test_has_the_versions_that_are_tested(image: str) -> None:
    """The deployed versions would differ from the tested ones."""
    tested = _pinned(ROOT / "requirements-dev.txt")
    deployed = _pinned(APP / f"{image}.requirements.txt")
    assert deployed.items() <= tested.items()


def test_deploys_with_the_versions_that_are_tested() -> None:
    """`pulumi up` would run with other versions of packages than the tests."""
    assert _pinned(ROOT / "requirements.txt").items() <= _pinned(ROOT / "requirements-dev.txt").items()
