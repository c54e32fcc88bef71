"""The loader's progress display."""

import json
import os
import pty
import select
import termios
import time
from pathlib import Path

import pytest

from loader import progress
from loader.progress import LoadProgress
from tests.loader.inputs import input_of


def test_shows_a_bar_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user at a terminal could not tell a slow load from one that stands still."""
    (tmp_path / "a.csv").write_text("id,n\n" + "x,1\n" * 1000)
    data = input_of(tmp_path / "a.csv")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        shown = LoadProgress("written", data, lambda: 1000)
        assert list(data.chunks())
        time.sleep(0.2)  # the bar is drawn ten times a second at most
        shown.step()
        shown.end()
        text = b""
        while select.select([ours], [], [], 0.5)[0]:
            text += os.read(ours, 65536)
    os.close(ours)
    assert b"written:" in text
    assert b"1000 rows, " in text
    assert b"100%" in text


def test_writes_lines_of_json_into_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log would have no sign of a load for hours, or a progress bar's control characters."""
    (tmp_path / "a.csv").write_text("id,n\n" + "x,1\n" * 1000)
    data = input_of(tmp_path / "a.csv")
    now = 100.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    shown = LoadProgress("verified", data, lambda: 500)
    data.read_bytes = data.size // 4
    shown.step()
    now += 10
    shown.step()
    shown.step()
    shown.end()
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"progress": "verified", "rows": 500, "rows_a_second": 50, "seconds_left": 30},
    ]
