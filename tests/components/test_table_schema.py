"""The guard of a table's schema as Pulumi's engine runs it: a process of its own, called over gRPC in each preview."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from components.tables.capacity import Provisioned
from components.tables.schema import TableSchemaProvider
from tests.components.engine import FakeAws, Provider, start_engine
from tests.components.tables import THINGS, declare_table
from tests.evaluation import one

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/keyspaces:TableSchema::store"
DECLARED = {
    **THINGS,
    "clustering_key": {"year": "DESC"},
    "time_to_live": 60,
    "client_side_timestamps": True,
}
FIXED = Provisioned(read=(5, 5), write=(5, 5))
SCALED = Provisioned(read=(5, 50), write=(5, 5))


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    aws = FakeAws(lambda action, _: {})
    with start_engine(aws) as engine:
        yield engine.provider
    assert not aws.calls, "it needs no credentials"


class Guard:
    """The engine's side: it records what `check` returns, and passes the record to the next call."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.recorded: Any = None

    def preview(self, *, keyspace: str = "shop", **options: Any) -> list[str]:
        """The reasons for which the guard refuses the table as declared with `options`."""
        return self._check(keyspace, options)[1]

    def up(self, *, keyspace: str = "shop", **options: Any) -> list[str]:
        inputs, reasons = self._check(keyspace, options)
        if not reasons:
            if self.recorded is None:
                created = self.provider.Create(provider_pb2.CreateRequest(urn=URN, properties=inputs))
                self.recorded = created.properties
            elif self.diff(inputs).changes == provider_pb2.DiffResponse.DIFF_SOME:
                request = provider_pb2.UpdateRequest(id="id", urn=URN, olds=self.recorded, news=inputs)
                self.recorded = self.provider.Update(request).properties
        return reasons

    def inputs(self, *, keyspace: str = "shop", **options: Any) -> Any:
        return self._check(keyspace, options)[0]

    def diff(self, inputs: Any) -> Any:
        request = provider_pb2.DiffRequest(id="id", urn=URN, olds=self.recorded, news=inputs)
        return self.provider.Diff(request)

    def _check(self, keyspace: str, options: dict[str, Any]) -> tuple[Any, list[str]]:
        program = declare_table(**{**DECLARED, **options})
        declared = one(program, "pulumi-python:dynamic/keyspaces:TableSchema", "store").inputs
        news = asyncio.run(rpc.serialize_properties({**declared, "keyspace": keyspace}, {}))
        checked = self.provider.Check(provider_pb2.CheckRequest(urn=URN, olds=self.recorded, news=news))
        # If a failure named a property, the engine would print the property's value before the reason.
        assert all(failure.property == "" for failure in checked.failures)
        return checked.inputs, [failure.reason for failure in checked.failures]


@pytest.fixture
def guard(provider: Provider) -> Guard:
    guard = Guard(provider)
    assert guard.up() == []
    return guard


REPLACING = [
    ({"name": "stuff"}, "its name becomes shop.stuff.", "Keep the name"),
    ({"keyspace": "store"}, "its name becomes store.things.", "Keep the name"),
    (
        {"partition_key": ["id", "size"]},
        "partition_key changes from (id) to (id, size).",
        "Keep the key, or declare a second Table and copy the rows",
    ),
    (
        {"clustering_key": {"year": "ASC"}},
        "clustering_key changes from (year DESC) to (year ASC).",
        "Keep the key, or declare a second Table and copy the rows",
    ),
    (
        {"clustering_key": {"year": "DESC", "size": "ASC"}},
        "clustering_key changes from (year DESC) to (year DESC, size ASC).",
        "Keep the key, or declare a second Table and copy the rows",
    ),
    (
        {"static": ["size"]},
        "static changes from () to (size).",
        "Keep it, or put the column into a Table of its own",
    ),
    (
        {"columns": {"id": "text", "year": "int"}},
        "column 'size' is removed.",
        "Keep it in columns and stop writing it",
    ),
    (
        {"columns": {**THINGS["columns"], "size": "text"}},
        "column 'size' changes from bigint to text.",
        "Keep its type and add a column of another name",
    ),
    ({"client_side_timestamps": False}, "client_side_timestamps is turned off.", "Keep it True"),
]


@pytest.mark.parametrize(("options", "change", "instead"), REPLACING)
def test_refuses_change_that_would_lose_the_rows(
    guard: Guard, options: dict[str, Any], change: str, instead: str
) -> None:
    """A slip in a list of columns deletes the rows, and the preview shows the replacement as one line among many."""
    (reason,) = guard.preview(**options)
    assert reason.startswith(f"table shop.things: {change} ")
    assert "replaced and its rows lost" in reason
    assert reason.endswith(f" {instead}, or set allow_replacement=True on its Table if the rows may be lost.")


@pytest.mark.parametrize(("options", "change", "instead"), REPLACING)
def test_accepts_an_allowed_change_and_guards_the_result(
    guard: Guard, options: dict[str, Any], change: str, instead: str
) -> None:
    """After an allowed change, the guard still compares with the old schema, so it refuses or undoes the new one."""
    assert guard.up(**options, allow_replacement=True) == []
    assert guard.preview(**options) == []
    assert guard.diff(guard.inputs(**options)).changes == provider_pb2.DiffResponse.DIFF_NONE
    undone = guard.preview()
    # Undoing two of the changes adds a column or turns a switch on.
    adds = "removed" in change or "timestamps" in change
    assert undone == [] if adds else "rows lost" in undone[0]


def test_keeps_the_recorded_schema_when_a_change_is_refused(guard: Guard) -> None:
    """The guard records a refused schema, and a second attempt succeeds."""
    assert guard.up(partition_key=["size"])
    assert guard.up(partition_key=["size"])


def test_names_every_change_it_refuses(guard: Guard) -> None:
    """The owner needs another preview to learn of each refused change."""
    reasons = guard.preview(columns={"id": "text", "year": "bigint"}, client_side_timestamps=False)
    assert [reason.split(": ")[1].split(".")[0] for reason in reasons] == [
        "column 'size' is removed",
        "column 'year' changes from int to bigint",
        "client_side_timestamps is turned off",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"columns": {**THINGS["columns"], "weight": "int"}},
        {"columns": dict(reversed(THINGS["columns"].items()))},
        {"time_to_live": 0},
        {"point_in_time_recovery": True},
        {"capacity": FIXED},
        {},
    ],
)
def test_accepts_changes_that_keyspaces_makes_in_place(guard: Guard, options: dict[str, Any]) -> None:
    """The guard refuses a change that keeps the rows."""
    assert guard.up(**options) == []


def test_switches_can_be_turned_on(provider: Provider) -> None:
    """The guard refuses to turn a switch on, which Keyspaces can do at any time."""
    guard = Guard(provider)
    assert guard.up(time_to_live=None, client_side_timestamps=False) == []
    assert guard.up(time_to_live=0) == []
    assert guard.up() == []


@pytest.mark.parametrize("allow_replacement", [False, True])
def test_refuses_to_turn_ttl_off(guard: Guard, allow_replacement: bool) -> None:
    """The provider ignores the change silently, and each later preview shows it again."""
    (reason,) = guard.preview(time_to_live=None, allow_replacement=allow_replacement)
    assert reason.startswith("table shop.things: time_to_live is removed. Keyspaces cannot turn TTL off again.")
    assert "time_to_live=0" in reason


@pytest.mark.parametrize("allow_replacement", [False, True])
def test_refuses_a_default_ttl_before_ttl_is_on(provider: Provider, allow_replacement: bool) -> None:
    """`pulumi up` fails in the middle: the aws provider sets the default before it turns TTL on."""
    guard = Guard(provider)
    assert guard.up(time_to_live=None) == []
    (reason,) = guard.up(time_to_live=60, allow_replacement=allow_replacement)
    assert reason == (
        "table shop.things: time_to_live goes from None to 60 at once, which takes two updates. Set time_to_live=0"
        " first, run `pulumi up`, then set 60."
    )
    assert guard.up(time_to_live=0) == []
    assert guard.up(time_to_live=60) == []
    assert guard.up(time_to_live=61) == []


def test_accepts_a_default_ttl_for_a_new_table(provider: Provider) -> None:
    """The guard refuses a new table with a default TTL, although Keyspaces creates both in one call."""
    guard = Guard(provider)
    assert guard.up(time_to_live=None) == []
    assert guard.up(time_to_live=60, name="stuff", allow_replacement=True) == []


def test_shows_no_change_of_the_guard_for_another_default_ttl(guard: Guard) -> None:
    """After an upgrade of this project, every stack with a guard shows a change of it."""
    assert guard.diff(guard.inputs(time_to_live=61)).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_accepts_a_replacement_without_ttl(guard: Guard) -> None:
    """A table with TTL cannot be replaced by one without TTL."""
    assert guard.preview(time_to_live=None, name="stuff", allow_replacement=True) == []


@pytest.mark.parametrize("allow_replacement", [False, True])
def test_refuses_to_go_from_on_demand_to_scaled_at_once(guard: Guard, allow_replacement: bool) -> None:
    """The update fails: it asks for provisioned capacity without units, since Pulumi ignores the units of a
    scaled table.
    """
    (reason,) = guard.preview(capacity=SCALED, allow_replacement=allow_replacement)
    assert "takes two updates" in reason


def test_accepts_scaling_of_a_provisioned_table_and_the_way_back(guard: Guard) -> None:
    """An owner who follows the refusal's advice in two updates is refused again, or cannot return to on-demand."""
    assert guard.up(capacity=FIXED) == []
    assert guard.up(capacity=SCALED) == []
    assert guard.up() == []


def test_accepts_any_schema_for_a_new_table(provider: Provider) -> None:
    """A new table is refused, or cannot be scaled from the start."""
    assert Guard(provider).up(capacity=SCALED) == []


def test_previews_a_new_stack_whose_keyspace_is_not_known(provider: Provider) -> None:
    """The first preview fails, or compares with a name that is not known yet."""
    guard = Guard(provider)
    assert guard.preview(keyspace=rpc.UNKNOWN) == []
    assert guard.inputs(keyspace=rpc.UNKNOWN)["keyspace"] == rpc.UNKNOWN


def test_compares_the_rest_when_the_keyspace_is_not_known(guard: Guard) -> None:
    """A change of the keyspace in the same update switches the guard off."""
    assert guard.preview(keyspace=rpc.UNKNOWN) == []
    (reason,) = guard.preview(keyspace=rpc.UNKNOWN, partition_key=["size"])
    assert "partition_key changes" in reason


@pytest.mark.parametrize(
    "options",
    [
        {"columns": {**THINGS["columns"], "weight": "int"}},
        {"name": "stuff", "allow_replacement": True},
        # As the engine calls the guard when the keyspace is replaced.
        {"keyspace": rpc.UNKNOWN},
    ],
)
def test_updates_the_record_in_place(guard: Guard, options: dict[str, Any]) -> None:
    """A replaced guard has no recorded schema, and refuses nothing."""
    diff = guard.diff(guard.inputs(**options))
    assert diff.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert not diff.replaces


def test_shows_no_change_when_the_schema_is_the_same(guard: Guard) -> None:
    """A new order of the columns, or a changed `allow_replacement`, shows as a change of the table."""
    same = guard.inputs(columns=dict(reversed(THINGS["columns"].items())), allow_replacement=True)
    assert guard.diff(same).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_pickles_by_name_only() -> None:
    """Every edit of the provider's code shows as a change of each table's guard, since the pickle contains the code."""
    assert len(serialize_provider(TableSchemaProvider())) < 200
