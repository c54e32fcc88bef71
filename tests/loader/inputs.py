"""Inputs of the loader, without a table."""

from pathlib import Path
from typing import Any

from cassandra.cqltypes import lookup_casstype

from keyspaces.database import Description
from keyspaces.results import Column
from loader.convert import Converter
from loader.rows import Input
from loader.sources import find_sources

COLUMNS = {"id": "UTF8Type", "n": "Int32Type"}


def input_of(
    place: Path | str,
    columns: dict[str, str] = COLUMNS,
    *,
    kinds: dict[str, str] | None = None,
    format_: str | None = None,
) -> Input:
    """columns: with Cassandra's names of their types; the first is the key unless `kinds` says otherwise."""
    types: dict[str, Any] = {name: lookup_casstype(type_) for name, type_ in columns.items()}
    kinds = kinds or {name: "regular" if at else "partition_key" for at, name in enumerate(columns)}
    key = [name for name, kind in kinds.items() if kind in ("partition_key", "clustering")]
    table = Description("loading.things", [Column(name, type_) for name, type_ in columns.items()], key, kinds)
    return Input(find_sources(str(place), format_), Converter(table, types, timestamps=False))
