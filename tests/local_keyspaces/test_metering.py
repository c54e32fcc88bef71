"""The service's rules for capacity. Each example of the developer guide must give exactly its units."""

import pytest

from local_keyspaces.metering import (
    ROW_METADATA,
    Sizes,
    column_id_size,
    failed_condition,
    integer_size,
    json_size,
    overhead,
    read_units,
    sizer,
    sizes,
    total,
    write_units,
)
from local_keyspaces.tables import Column, Table

KB = 1024


def table(*, static: bool = False) -> Table:
    """The table of "Estimate row size": two partition key columns, two clustering columns, one regular column, all
    integers."""
    kinds = {
        **{f"pk_col{n}": ("partition_key", n) for n in (1, 2)},
        **{f"ck_col{n}": ("clustering", n) for n in (1, 2)},
        "reg_col1": ("regular", -1),
        **({"static_col1": ("static", -1)} if static else {}),
    }
    columns = {
        name: Column(type="int", kind=kind, position=position, clustering_order="none")
        for name, (kind, position) in kinds.items()
    }
    return Table(keyspace="mykeyspace", name="mytable", columns=columns)


def written(values: dict[str, int], *, static: bool = False) -> Sizes:
    return sizes(table(static=static), {name: integer_size(value) for name, value in values.items()})


ROW = {"pk_col1": 1, "pk_col2": 2, "ck_col1": 3, "ck_col2": 4, "reg_col1": 5}


def test_counts_the_row_of_the_guide() -> None:
    """A row would be metered at another size than 131 bytes, the guide's "Estimate row size": 16 of partition key, 12
    of clustering columns, 3 of a regular column, 100 of metadata."""
    assert written(ROW) == Sizes(row=16 + 12 + 3, static=0)
    assert written(ROW).row + ROW_METADATA == 131
    assert write_units(written(ROW)) == 1


def test_counts_the_static_data_of_the_guide() -> None:
    """Static data would be metered otherwise than in "Calculate the static column size": 14 bytes of key, 4 of the
    integer, 104 of metadata."""
    raw = {"pk_col1": 4, "pk_col2": 4, "static_col1": 4}
    assert sizes(table(static=True), raw) == Sizes(row=0, static=122)
    assert write_units(Sizes(row=0, static=122)) == 1


def test_counts_a_write_of_both_kinds_of_data_twice() -> None:
    """A row of 25.5 KB with 1.5 KB of static data would not take the guide's 56 units ("Estimate capacity ... for
    static columns")."""
    assert write_units(Sizes(row=int(25.5 * KB), static=int(1.5 * KB))) == 56


@pytest.mark.parametrize(
    ("size", "consistency", "units"),
    [(4 * KB, "LOCAL_QUORUM", 1), (8 * KB, "LOCAL_QUORUM", 2), (8 * KB, "LOCAL_ONE", 1), (1, "LOCAL_ONE", 0.5)],
)
def test_counts_reads_by_4_kilobytes(size: int, consistency: str, units: float) -> None:
    """A read with LOCAL_QUORUM would not cost twice a read with LOCAL_ONE ("Read request units and write request
    units")."""
    assert read_units(size, consistency) == units
    assert read_units(size + 4 * KB, consistency) > units


@pytest.mark.parametrize(("size", "units"), [(1, 1), (KB, 1), (KB + 1, 2), (2 * KB, 2)])
def test_counts_writes_by_a_kilobyte(size: int, units: int) -> None:
    """A write would not cost the units of "Read request units and write request units"."""
    assert write_units(Sizes(row=size, static=0)) == units


def test_counts_a_range_by_the_rows_read() -> None:
    """A range read would not charge the row above the range: 2 units for one small row and one of more than 4 KB
    ("Range queries")."""
    assert read_units(total([Sizes(row=60, static=0), Sizes(row=4 * KB + 20, static=0)]), "LOCAL_QUORUM") == 2


def test_counts_empty_partitions_of_a_scan() -> None:
    """A scan of three rows, two of more than 4 KB, with three empty partitions would not cost the guide's 6 units
    ("Table scans")."""
    rows = [Sizes(row=size, static=0) for size in (4 * KB + 20, 60, 4 * KB + 20)]
    assert read_units(total(rows), "LOCAL_QUORUM", empty=3) == 6


def test_counts_a_read_that_finds_nothing() -> None:
    """A read without a result would look free, although it costs as much as a small row."""
    assert read_units(0, "LOCAL_QUORUM") == 1
    assert read_units(0, "LOCAL_ONE") == 0.5


def test_counts_conditions_that_fail() -> None:
    """A conditional write of 2 KB would not cost two units, or one if the row does not exist; and reads too with TTL
    ("Lightweight transactions")."""
    assert failed_condition(2 * KB) == (0, 2)
    assert failed_condition(None) == (0, 1)
    assert failed_condition(5 * KB, exists_with_ttl=True) == (2, 5)
    assert failed_condition(None, exists_with_ttl=True) == (1, 1)


def test_counts_logged_batches_twice() -> None:
    """Three rows of 1 KB in a logged batch would not cost the guide's six units ("Use batch statements")."""
    rows = [Sizes(row=KB, static=0)] * 3
    assert sum(write_units(row, logged=True) for row in rows) == 6
    assert sum(write_units(row) for row in rows) == 3


@pytest.mark.parametrize(("columns", "size"), [(1, 1), (62, 1), (63, 2), (124, 2), (125, 3), (186, 3), (187, 4)])
def test_counts_a_columns_name_by_how_many_there_are(columns: int, size: int) -> None:
    """Rows of tables with many columns would be metered too small ("Estimate the encoded size of columns")."""
    assert column_id_size(columns) == size


@pytest.mark.parametrize(
    ("type_", "value", "size"),
    [
        ("text", "ä".encode(), 2),
        ("int", (1).to_bytes(4, "big"), 2),
        ("int", (-123).to_bytes(4, "big", signed=True), 3),
        ("bigint", (120000).to_bytes(8, "big"), 2),
        ("boolean", b"\1", 1),
        ("blob", bytes(10), 10),
        ("uuid", bytes(16), 16),
        ("list<text>", b"\0\0\0\0", 3),
        ("frozen<list<text>>", b"\0\0\0\2\0\0\0\1a\0\0\0\2bc", 3 + 2 + 3),
        ("map<text, int>", b"\0\0\0\1\0\0\0\1a\0\0\0\4\0\0\0\5", 3 + 1 + 1 + 2),
        ("map<text, frozen<set<int>>>", b"\0\0\0\1\0\0\0\1a\0\0\0\4\0\0\0\0", 3 + 1 + 1 + 0),
    ],
)
def test_counts_a_value_by_its_type(type_: str, value: bytes, size: int) -> None:
    """Values would be metered otherwise than in "Estimate the encoded size of data values based on data type"."""
    assert sizer(type_)(value) == size


def protocol(*parts: bytes | None) -> bytes:
    """Encodes fields or elements as the native protocol does."""
    return b"".join(b"\xff\xff\xff\xff" if part is None else len(part).to_bytes(4, "big") + part for part in parts)


TWO = (2).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("fields", "value", "size"),
    [
        (("text", "int"), protocol(b"Main St", TWO), 3 + (1 + 1 + 7) + (1 + 1 + 2)),
        (("text", "int"), protocol(b"", None), 3 + (1 + 1) + (1 + 1 + 1)),
        (("text", "int"), protocol(b"ab"), 3 + (1 + 1 + 2)),
        (("int",) * 63, protocol(*[TWO] * 63), 3 + 63 * (1 + 2 + 2)),
        (("int",) * 125, protocol(TWO), 3 + (1 + 3 + 2)),
        (("frozen<address>",), protocol(protocol(b"ab", TWO, None)), 3 + (1 + 1 + (4 + 2) + (4 + 4) + 4)),
        (("frozen<list<int>>",), protocol(TWO + protocol(TWO, TWO)), 3 + (1 + 1 + 2 * (4 + 4))),
        (("frozen<map<text, int>>",), protocol(TWO + protocol(b"a", TWO, b"bc", TWO)), 3 + (1 + 1 + 5 + 8 + 6 + 8)),
    ],
    ids=["scalars", "null", "left out", "63 fields", "125 fields", "type in a type", "list in a type", "map in a type"],
)
def test_counts_a_user_defined_type_by_its_fields(fields: tuple[str, ...], value: bytes, size: int) -> None:
    """Rows with user-defined types would be metered by another rule than "Estimate the encoded size of data values"."""
    assert sizer("frozen<place>", fields)(value) == size


@pytest.mark.parametrize(
    ("type_", "timestamps", "ttl", "size"),
    [
        ("int", False, False, 0),
        ("int", True, False, 18),
        ("frozen<list<int>>", False, True, 16),
        ("tuple<int, int>", True, True, 27),
        ("list<int>", True, False, 2 * 30 + 19),
        ("set<int>", False, True, 2 * 12 + 7),
        ("map<int, int>", True, True, 2 * 26 + 26),
        ("counter", True, False, 51),
    ],
)
def test_counts_timestamps_and_ttl(type_: str, timestamps: bool, ttl: bool, size: int) -> None:
    """Two elements would be metered otherwise than in the table of "Consider the impact of Amazon Keyspaces features on
    row size"."""
    assert overhead(type_, 2, timestamps=timestamps, ttl=ttl) == size


def test_counts_a_row_in_json() -> None:
    """A loader that sends JSON would show other costs than one that binds values."""
    assert [json_size(value) for value in (None, True, 12, "ä", ["a", "b"], {"a": 1})] == [1, 1, 2, 2, 7, 7]
