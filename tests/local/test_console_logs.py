"""The console's log: one stream of all files, read in windows from the end."""

import json
from pathlib import Path

import pytest

from local.console import logs
from local.console.logs import Filter, window


def _line(second: int, level: str = "INFO", **more: object) -> str:
    return json.dumps({"time": f"2026-11-26T12:{second // 60:02}:{second % 60:02}.000000Z", "level": level, **more})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for task in ("a", "b"):
        file = tmp_path / "query-api" / f"{task}.log"
        file.parent.mkdir(exist_ok=True)
        lines = [_line(second, number=second) for second in range(0 if task == "a" else 1, 1000, 2)]
        file.write_text("".join(f"{line}\n" for line in lines))
    endpoint = tmp_path / "keyspaces" / "endpoint.log"
    endpoint.parent.mkdir()
    endpoint.write_text("2026-11-26 12:00:00,123 ERROR it failed\nTraceback\n  inside\n")
    return tmp_path


def test_reads_all_log_files_backwards_in_windows(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrolling back would skip or repeat a line, or mix the order of two tasks' lines."""
    monkeypatch.setattr(logs, "_CHUNK", 512)  # so that lines are cut by pieces
    found: list[int] = []
    cursor: logs.Cursor | None = None
    while True:
        page = window(directory, Filter(service="query-api"), cursor, most=70)
        found = [line.data["number"] for line in page.lines] + found
        cursor = page.older
        if cursor is None:
            break
    assert found == list(range(1000))


def test_finds_lines_by_word_level_task_and_request(directory: Path) -> None:
    """A search would not find the line."""
    with (directory / "query-api" / "a.log").open("a") as file:
        file.write(_line(2000, "ERROR", request_id="id-1", message="Broken Pipe") + "\n  a traceback\n")
        file.write(_line(2001, request_id="id-1", route="/x", status=500, shared_with="id-0") + "\n")
        file.write("no end")
    found = window(directory, Filter(level="ERROR", service="query-api")).lines
    assert [line.text[-5:] for line in found][-1] == "eback"
    assert found[0].level == "ERROR"
    assert len(window(directory, Filter(text="BROKEN pipe")).lines) == 1
    assert [line.task for line in window(directory, Filter(task="b"), most=1).lines] == ["query-api/b"]
    assert len(window(directory, Filter(request_id="id-1")).lines) == 2
    assert len(window(directory, Filter(request_id="id-0")).lines) == 1
    assert len(window(directory, Filter(requests=True)).lines) == 1
    assert {line.level for line in window(directory, Filter(service="keyspaces")).lines} == {"ERROR"}
    assert window(directory, Filter(text="nothing")).lines == []


def test_reads_no_more_of_a_long_log_than_it_shows(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a million lines, each refresh would take seconds and block the load balancer."""
    with (directory / "query-api" / "a.log").open("a") as file:
        file.writelines(_line(2000, number=number) + "\n" for number in range(50_000))
    parsed = 0
    parse = logs._parsed

    def counting(task: str, text: str, at: int) -> logs.LogLine:
        nonlocal parsed
        parsed += 1
        return parse(task, text, at)

    monkeypatch.setattr(logs, "_parsed", counting)
    assert len(window(directory, Filter()).lines) == logs.LINES_AT_MOST
    assert parsed < 10_000
    parsed = 0
    assert len(window(directory, Filter(text='"number": 49999')).lines) == 1
    assert parsed < 10_000
