"""Facts that the loader shares with other packages, which may not import each other."""

from cassandra.cqltypes import lookup_casstype
from hypothesis import given
from hypothesis import strategies as some

from costs import prices
from loader.plan import WRITE_PRICE
from loader.sizes import RowSizes
from local_keyspaces import metering
from local_keyspaces.tables import Column, Table

_COLUMNS = {
    "p": ("text", "UTF8Type", "partition_key"),
    "c": ("bigint", "LongType", "clustering"),
    "s": ("text", "UTF8Type", "static"),
    "d": ("decimal", "DecimalType", "regular"),
    "t": ("text", "UTF8Type", "regular"),
    "l": ("list<int>", "ListType(Int32Type)", "regular"),
    "m": ("map<text, text>", "MapType(UTF8Type, UTF8Type)", "regular"),
}
_TABLE = Table(
    keyspace="k",
    name="t",
    columns={
        name: Column(type=cql, kind=kind, position=0, clustering_order="none")
        for name, (cql, _, kind) in _COLUMNS.items()
    },
)
_VALUES = some.fixed_dictionaries(
    {"p": some.text(min_size=1, max_size=900), "c": some.integers(-(2**63), 2**63 - 1)},
    optional={
        "s": some.text(max_size=2000),
        "d": some.decimals(allow_nan=False, allow_infinity=False),
        "t": some.text(max_size=3000),
        "l": some.lists(some.integers(-(2**31), 2**31 - 1), max_size=300),
        "m": some.dictionaries(some.text(max_size=9), some.text(max_size=99), max_size=30),
    },
)


@given(values=_VALUES)
def test_counts_write_units_as_the_meter_does(values: dict[str, object]) -> None:
    """A plan would name other units, and other dollars, than the local Keyspaces meters for the same rows."""
    types = {name: lookup_casstype(type_) for name, (_, type_, _) in _COLUMNS.items()}
    cells = [types[name].serialize(values[name], 4) if name in values else None for name in types]
    sizes = {
        name: metering.sizer(_COLUMNS[name][0])(cell)
        for name, cell in zip(types, cells, strict=True)
        if cell is not None
    }
    kinds = {name: kind for name, (_, _, kind) in _COLUMNS.items()}
    expected = metering.write_units(metering.sizes(_TABLE, sizes))
    assert RowSizes(types, kinds).units(cells) == expected


@given(values=_VALUES)
def test_recognizes_small_rows_by_their_length(values: dict[str, object]) -> None:
    """A row of two write units would count as one in a plan."""
    types = {name: lookup_casstype(type_) for name, (_, type_, _) in _COLUMNS.items() if name != "s"}
    cells = [types[name].serialize(values[name], 4) if name in values else None for name in types]
    sizes = RowSizes(types, {name: kind for name, (_, _, kind) in _COLUMNS.items()})
    length = sum(4 + len(cell or b"") for cell in cells)
    assert length > sizes.one_unit_bytes or sizes.units(cells) == 1


def test_prices_writes_as_the_costs_do() -> None:
    """A plan would name another price than `make cost`."""
    assert prices.WRITES.usd == WRITE_PRICE
