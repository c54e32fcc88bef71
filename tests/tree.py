"""Copies of this repository."""

import shutil
import subprocess
from pathlib import Path

from tests.processes import ROOT


def copy_of_what_git_has(to: Path, *, without: tuple[str, ...] = ()) -> Path:
    """Copies the files that git tracks. without: prefixes of names to leave out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not (without and name.startswith(without)) and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    return to
