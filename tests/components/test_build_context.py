"""Build contexts: two checkouts of one commit give the digest of one build."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths

from components.arguments import InvalidArguments
from components.tasks import image
from components.tasks.build_context import stage_context
from components.tasks.image import create_image
from declared.program import Program
from tests.evaluation import declare, one

_FILES = {
    "app/api.Dockerfile": "FROM scratch\nCOPY api api\n",
    "app/api.Dockerfile.dockerignore": "# only the program\n*\n!api\n**/*.pyc\n",
    "app/api/__main__.py": "print()\n",
    "app/api/start.sh": "#!/bin/sh\n",
    "app/api/cached.pyc": "x",
    "app/other/secret.txt": "secret",
}


def _provider_digest(context: Path, dockerfile: Path) -> str:
    """The digest as pulumi-docker computes it: provider/provider.go, hashContext and hashPath.

    It covers the Dockerfile and each file that is not ignored: path, mode as Go writes it, and content. For a link, the
    content is the link's target.
    """
    accumulated = b"Dockerfile" + b"----------" + hashlib.sha256(dockerfile.read_bytes()).digest() + b"\0"
    ignore = [line for line in Path(f"{dockerfile}.dockerignore").read_text().splitlines() if line[0] != "#"]
    for name in sorted(exclude_paths(str(context), ignore, dockerfile="none")):
        path = context / name
        if path.is_symlink():
            mode, content = "Lrwxrwxrwx", str(path.resolve()).encode()
        elif path.is_file():
            mode, content = stat.filemode(path.stat().st_mode), path.read_bytes()
        else:
            continue
        accumulated += name.encode() + mode.encode() + hashlib.sha256(content).digest() + b"\0"
    return hashlib.sha256(accumulated).hexdigest()


def _check_out(folder: Path, umask: int) -> Path:
    """Sets modes as Git does: 666, or 777 for an executable file, without the bits of the umask."""
    before = os.umask(umask)
    try:
        for name, content in _FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod((0o777 if name.endswith(".sh") else 0o666) & ~umask)
    finally:
        os.umask(before)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = _check_out(tmp_path / "project", 0o022)
    monkeypatch.chdir(root)
    return root


def test_gives_two_checkouts_with_other_umasks_one_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When two people deploy the same commit in turn, each update rolls the API and runs the loader again."""
    before, after = set(), set()
    for umask in (0o002, 0o022, 0o077):
        root = _check_out(tmp_path / oct(umask), umask)
        monkeypatch.chdir(root)
        before.add(_provider_digest(Path("app"), Path("app/api.Dockerfile")))
        staged = Path(stage_context("api", "app/api.Dockerfile"))
        after.add((str(staged), _provider_digest(staged.parent, staged)))
    assert len(before) == 3, "the modes are in the provider's digest"
    assert len(after) == 1


def test_stages_only_the_files_of_the_build(project: Path) -> None:
    """A secret file outside the build is copied to a second place, or a build lacks a file."""
    staged = Path(stage_context("api", "app/api.Dockerfile"))
    assert staged == Path(".images/api/api.Dockerfile")
    modes = {str(path.relative_to(staged.parent)): path.stat().st_mode & 0o777 for path in staged.parent.rglob("*")}
    assert modes == {
        "api": 0o755,
        "api/__main__.py": 0o644,
        "api/start.sh": 0o755,
        "api.Dockerfile": 0o644,
        "api.Dockerfile.dockerignore": 0o644,
    }
    assert (project / ".images" / ".gitignore").read_text() == "*\n"


def test_follows_the_source(project: Path) -> None:
    """An edit is not deployed, or a removed file stays in the image."""
    stage_context("api", "app/api.Dockerfile")
    untouched = Path(".images/api/api/start.sh").stat().st_mtime_ns
    (project / "app/api/__main__.py").write_text("print(2)\n")
    (project / "app/api/more").mkdir()
    (project / "app/api/more/a.py").write_text("")
    stage_context("api", "app/api.Dockerfile")
    assert Path(".images/api/api/__main__.py").read_text() == "print(2)\n"
    assert Path(".images/api/api/more/a.py").is_file()
    (project / "app/api/more/a.py").unlink()
    (project / "app/api/more").rmdir()
    (project / "app/api/more").write_text("now a file")
    (project / "app/api/start.sh").chmod(0o644)
    stage_context("api", "app/api.Dockerfile")
    assert Path(".images/api/api/more").read_text() == "now a file"
    start = Path(".images/api/api/start.sh").stat()
    assert (start.st_mode & 0o777, start.st_mtime_ns) == (0o644, untouched), (
        "what has not changed may be read meanwhile"
    )


def test_stages_a_context_that_is_the_whole_project(project: Path) -> None:
    """Each update copies the earlier copies too, so the context grows for ever."""
    (project / "Dockerfile").write_text("FROM scratch\n")
    for _ in range(2):
        stage_context("whole", "Dockerfile")
    assert (project / ".images/whole/app/other/secret.txt").is_file()
    assert not (project / ".images/whole/.images").exists()


def test_keeps_links_within_the_context(project: Path) -> None:
    """The image has a second copy of each file that a link points to."""
    (project / "app/api/link").symlink_to("start.sh")
    stage_context("api", "app/api.Dockerfile")
    stage_context("api", "app/api.Dockerfile")
    assert str(Path(".images/api/api/link").readlink()) == "start.sh"


@pytest.mark.parametrize("leads_to", ["../../outside", "nowhere", "/etc/hostname"])
def test_refuses_links_that_lead_elsewhere(project: Path, leads_to: str) -> None:
    """The provider fails with its own error, or the digest differs between machines."""
    (project / "outside").write_text("")
    (project / "app/api/link").symlink_to(leads_to)
    with pytest.raises(InvalidArguments, match=r"link app/api/link, which points to .*: make it a relative link"):
        stage_context("api", "app/api.Dockerfile")


def test_builds_the_staged_context_on_an_engine(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker builds from the original context, and the digest differs between checkouts."""
    import pulumi

    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "env", {})
        create_image(
            "api",
            dockerfile=str(project / "app" / "api.Dockerfile"),
            architecture="ARM64",
            keep_images=False,
            tags={},
            parent=parent,
        )

    monkeypatch.setattr(image, "get_monitor", object)
    monkeypatch.setattr(image, "require_docker", lambda: None)
    monkeypatch.setattr(image, "stage_context", lambda name, dockerfile: f".images/{name}/{Path(dockerfile).name}")
    program: Program = declare(run)
    build = one(program, "docker:index/image:Image", "api").inputs["build"]
    assert (build["context"], build["dockerfile"]) == (".images/api", ".images/api/api.Dockerfile")
