"""The build context of an image, the same on every machine that checks out the same commit."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from components.arguments import InvalidArguments

_STAGED = Path(".images")
_FILE, _EXECUTABLE, _FOLDER = 0o644, 0o755, 0o755


def stage_context(name: str, dockerfile: str) -> str:
    """Copies the files that the build of `dockerfile` sees to `.images/<name>`. Returns the Dockerfile's path there.

    pulumi-docker's digest of the context includes the mode of each file, besides its path and content
    (provider/provider.go, hashPath). A checkout's modes depend on its umask, so the digest would differ between two
    machines, and each would build, deploy and run the loader again after the other. The copies have mode 644, or 755 if
    their owner may execute them; Git records no more of a mode.

    A copy that is up to date stays as it is: another preview may read it at the same time.

    Raises InvalidArguments for a symbolic link that points out of the context or to nothing, since the provider hashes
    its target.
    """
    source = Path(dockerfile).parent
    staged = _STAGED / name
    ignore = next(
        (file for file in (Path(f"{dockerfile}.dockerignore"), source / ".dockerignore") if file.is_file()), None
    )
    wanted = {*_seen(source, ignore), Path(dockerfile).name}
    if ignore:
        wanted.add(ignore.name)
    wanted |= {str(folder) for path in wanted for folder in Path(path).parents} - {"."}
    _STAGED.mkdir(exist_ok=True)
    (_STAGED / ".gitignore").write_text("*\n")
    _remove_others(staged, wanted)
    _make_folder(staged)
    for path in sorted(wanted):  # folders come before what is in them
        _copy(name, source, source / path, staged / path)
    return str(staged / Path(dockerfile).name)


def _seen(source: Path, ignore: Path | None) -> set[str]:
    """Files and folders that the ignore file does not exclude, by path in `source`."""
    # Imported here, since only a real build needs it and its import is slow.
    from docker.utils.build import exclude_paths

    lines = ignore.read_text().splitlines() if ignore else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    # Without the copies themselves, if the context is the project's folder.
    seen: set[str] = exclude_paths(str(source), [*patterns, str(_STAGED)])
    return seen


def _remove_others(staged: Path, wanted: set[str]) -> None:
    for folder, folders, files in os.walk(staged):
        for entry in [*folders, *files]:
            path = Path(folder) / entry
            if str(path.relative_to(staged)) not in wanted:
                _remove(path)
                if entry in folders:
                    folders.remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(name: str, root: Path, source: Path, target: Path) -> None:
    if source.is_symlink():
        _require_inside(name, root, source)
        leads_to = source.readlink()
        if not target.is_symlink() or target.readlink() != leads_to:
            _remove(target)
            target.symlink_to(leads_to)
    elif source.is_dir():
        _make_folder(target)
    else:
        mode = _EXECUTABLE if source.stat().st_mode & 0o100 else _FILE
        if target.is_symlink() or not target.is_file() or not filecmp.cmp(source, target, shallow=False):
            _remove(target)
            shutil.copyfile(source, target)
        target.chmod(mode)


def _make_folder(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        _remove(path)
        path.mkdir()
    path.chmod(_FOLDER)


def _require_inside(name: str, root: Path, link: Path) -> None:
    written, leads_to = link.readlink(), link.resolve()
    if written.is_absolute() or not leads_to.exists() or not leads_to.is_relative_to(root.resolve()):
        raise InvalidArguments(
            name,
            {
                "dockerfile": f"has a build context with the symbolic link {link}, which points to {written}:"
                " make it a relative link to a file of the context, or exclude it in the .dockerignore"
            },
        )
