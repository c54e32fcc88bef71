"""Files that other programs read while they are written: a reader gets the whole old content or the whole new one."""

import os
from pathlib import Path


def write_atomically(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Replaces the file. The unfinished file is created anew with this mode, and never through a link."""
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "w") as opened:
        opened.write(text)
    unfinished.replace(file)
