"""The table in which a service keeps the idempotency keys of its requests."""

from typing import Any

from components.tables.table import Table

_DAY = 86_400


def idempotency_table(name: str, *, keep: int = _DAY, **options: Any) -> Table:
    """A `Table` with the columns that the kit's `Tables.idempotency` needs.

    keep: seconds for which a repeated request gets the first one's answer, 1 to 630,720,000; then its row expires.
    options: other arguments of `Table`, such as `capacity`.

    Raises InvalidArguments.
    """
    return Table(
        name=name,
        columns={"key": "text", "fingerprint": "blob", "id": "timeuuid", "location": "text", "answer": "blob"},
        partition_key=["key"],
        time_to_live=keep,
        **options,
    )
