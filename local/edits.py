"""Distinguishes edits of the program's files from edits of the images' files."""

import fnmatch
import hashlib
import os
import sys
from pathlib import Path
from typing import Final

from local.stack_model import TaskDefinition

# Packages that run the program, and are not part of it.
_KEPT: Final = ("local", "local_keyspaces", "declared", "diagram")
_IGNORED: Final = {"__pycache__", ".git", ".venv", ".local", "build", "node_modules"}


def is_of_image(file: Path, task: TaskDefinition) -> bool:
    """True if the file is in the task's image, by its .dockerignore."""
    if not file.is_relative_to(task.directory):
        return False
    name = str(file.relative_to(task.directory))
    return (
        any(name == source or fnmatch.fnmatchcase(name, f"{source}/*") for source in task.sources) or not task.sources
    )


def fingerprint(task: TaskDefinition) -> str:
    """A digest of the files in the task's image; a new digest needs new tasks."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(task.directory):
        folders[:] = sorted(name for name in folders if name not in _IGNORED)
        for file in (Path(folder, name) for name in sorted(names)):
            if is_of_image(file, task) and is_watched(file):
                digest.update(f"{file.relative_to(task.directory)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_of_program(file: Path, root: Path) -> bool:
    """True if the evaluation of the program has read the file."""
    if file.parent == root and (file.name == "__main__.py" or file.name.startswith("Pulumi.")):
        return True
    return file in {Path(module) for module in _modules(root).values()}


def program_folders(root: Path) -> set[Path]:
    """The root, and the folders of the program's modules."""
    return {root, *(Path(file).parent for file in _modules(root).values())}


def forget_modules(root: Path) -> None:
    """Makes the next evaluation of the program import its modules again."""
    for name in _modules(root):
        del sys.modules[name]


def is_watched(file: Path) -> bool:
    return not _IGNORED.intersection(file.parts) and not file.name.endswith((".pyc", "~", ".swp"))


def _modules(root: Path) -> dict[str, str]:
    """The files of the program's modules by name, without installed packages and the packages that run it."""
    loaded = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return {
        name: file
        for name, file in loaded.items()
        if file and name.partition(".")[0] not in _KEPT and Path(file).is_relative_to(root) and is_watched(Path(file))
    }
