"""The loader's messages about data that it cannot load."""

import json
from pathlib import Path

import pytest

from loader.check import check
from loader.sources import BadData
from tests.loader.inputs import input_of


def mistakes(path: Path, content: str | bytes) -> list[str]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadData) as raised:
        check(input_of(path))
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "[{}", "a.json, after row 1: is not JSON: "),
        ("a.json", "{}", "a.json: is not a JSON array"),
        ("a.json", "[]", "there is no record in the data"),
        ("a.json", "", "a.json: is not a JSON array"),
        ("a.json", "[1]", "a.json, row 1: is not an object"),
        ("a.jsonl", "", "there is no record in the data"),
        ("a.jsonl", '{"id": "a"}\n{"id"\n', "a.jsonl:2: is not JSON"),
        ("a.jsonl", b'{"id": "\xff"}\n', "a.jsonl:1: is not UTF-8 at byte 9 of the line"),
        ("a.csv", "", "a.csv: is empty; the first line must name the columns"),
        ("a.csv", "id,n\n", "there is no record in the data"),
        ("a.csv", "id,m\na,1\n", "a.csv:1: the table has no column m; it has id, n"),
        ("a.csv", "n\n1\n", "a.csv:1: has no column id, which is in the primary key"),
        ("a.csv", "id,n,n\na,1,1\n", "a.csv:1: names column n twice"),
        ("a.csv", "id,n\na,1\nb,1,2\n", "a.csv:3: has more or fewer fields than the header"),
        ("a.csv", "id,n\na,x\n", "a.csv:2: n is not a value of type int: 'x'"),
        ("a.csv", "id,n\na,1\na,2\n", "a.csv:3: has the primary key of a.csv:2"),
        ("a.csv", b"id,n\n\xff,1\n", "a.csv:2: id is not UTF-8"),
        ("a.csv", 'id,n\n"a,1\n', "a.csv:2: is not CSV: unexpected end of data"),
        ("a.csv", "id,n\n,1\n", "a.csv:2: id is missing, but belongs to the primary key"),
        ("a.txt", "id", "a.txt: has no known suffix; use .csv, .jsonl, .json, .parquet, or give --format"),
        ("a.parquet", "id", "a.parquet: is not Parquet: "),
        ("a.jsonl.gz", b"\x1f\x8b\x08\x00junk", "a.jsonl.gz: cannot be read: "),
        ("a.jsonl.zst", b"\x28\xb5\x2f\xfdjunk", "a.jsonl.zst: cannot be read: "),
        ("a.json", '[{"id": "a", "n": "1"}]', "a.json, row 1: n is not a value of type int: '1'"),
        ("a.json", '[{"id": "a", "n": 2147483648}]', "a.json, row 1: n is not a value of type int"),
        ("a.json", '[{"id": "a", "m": 1}]', "a.json, row 1: m is not a column; the table has id, n"),
        ("a.json", '[{"n": 1}]', "a.json, row 1: id is missing, but belongs to the primary key"),
        ("a.json", '[{"id": "a"}, {"id": "a"}]', "a.json, row 2: has the primary key of a.json, row 1"),
        (
            "a.json",
            json.dumps([{"id": "x" * 1_100_000}]),
            "a.json, row 1: has 1100000 bytes; a row has 1048576 at most",
        ),
        ("a.jsonl", '{"id": "' + "x" * 5_000_000 + '"}\n', "a.jsonl:1: is a line of more than 4194304 bytes"),
    ],
)
def test_reports_in_a_sentence_what_is_wrong(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    """A user would get a traceback for a mistake in the data, and would have to guess the row."""
    assert mistakes(tmp_path / name, content)[0].startswith(says)


def test_reports_that_a_file_or_folder_is_missing_or_empty(tmp_path: Path) -> None:
    """A wrong path would give a traceback, or count as a successful load of no rows."""
    with pytest.raises(BadData, match=r"none.csv: cannot be read: No such file"):
        input_of(tmp_path / "none.csv")
    with pytest.raises(BadData, match="has no file with a known suffix"):
        input_of(tmp_path)
    with pytest.raises(BadData, match="standard input has no suffix that shows its format; give --format"):
        input_of("-")


def test_names_all_mistakes_up_to_a_number(tmp_path: Path) -> None:
    """A user would see the second mistake only after correcting the first."""
    lines = mistakes(tmp_path / "a.json", json.dumps([{"id": str(number), "n": "x"} for number in range(30)]))
    assert len(lines) == 21
    assert lines[-1] == "and more: 30 of 30 records cannot be loaded"


def test_finds_a_duplicate_in_another_file(tmp_path: Path) -> None:
    """Chance would decide which of two files' rows with one key is in the table."""
    (tmp_path / "a.csv").write_text("id,n\nx,1\n")
    (tmp_path / "b.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(BadData, match=r"b\.jsonl:1: has the primary key of a\.csv:2"):
        check(input_of(tmp_path))
