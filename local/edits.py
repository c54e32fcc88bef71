"""Tells edits of the program's files from edits of files that images are made of."""

import fnmatch
import hashlib
import os
import sys
from pathlib import Path
from typing import Final

from local.stack_model import TaskDefinition

# Not the program's: they run it.
_KEPT: Final = ("local", "local_keyspaces", "declared", "diagram")
_IGNORED: Final = {"__pycache__", ".git", ".venv", ".local", "build", "node_modules"}


def is_of_image(file: Path, task: TaskDefinition) -> bool:
    """Whether the task's image is made of the file, by its .dockerignore."""
    if not file.is_relative_to(task.directory):
        return False
    name = str(file.relative_to(task.directory))
    return (
        any(name == source or fnmatch.fnmatchcase(name, f"{source}/*") for source in task.sources) or not task.sources
    )


def fingerprint(task: TaskDefinition) -> str:
    """Of what the task's image is made of: another one needs new tasks, the same needs none."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(task.directory):
        folders[:] = sorted(name for name in folders if name not in _IGNORED)
        for file in (Path(folder, name) for name in sorted(names)):
            if is_of_image(file, task) and is_watched(file):
                digest.update(f"{file.relative_to(task.directory)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_of_program(file: Path, root: Path) -> bool:
    """Whether evaluating the program has read the file."""
    if file.parent == root and (file.name == "__main__.py" or file.name.startswith("Pulumi.")):
        return True
    return file in {Path(module) for module in _modules(root).values()}


def program_folders(root: Path) -> set[Path]:
    """The root, and the folders of the modules that the program has."""
    return {root, *(Path(file).parent for file in _modules(root).values())}


def forget_modules(root: Path) -> None:
    """So that the next evaluation of the program imports its own modules anew."""
    for name in _modules(root):
        del sys.modules[name]


def is_watched(file: Path) -> bool:
    return not _IGNORED.intersection(file.parts) and not file.name.endswith((".pyc", "~", ".swp"))


def _modules(root: Path) -> dict[str, str]:
    """Files of the program's modules by name: not what is installed, and not what runs it."""
    loaded = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return {
        name: file
        for name, file in loaded.items()
        if file and name.partition(".")[0] not in _KEPT and Path(file).is_relative_to(root) and is_watched(Path(file))
    }
