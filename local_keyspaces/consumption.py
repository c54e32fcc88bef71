"""Admits the statements of one connection, and meters them when Cassandra has answered them."""

from collections.abc import Mapping, Sequence

from local_keyspaces import cql
from local_keyspaces.awaited import Observe
from local_keyspaces.meter import Meter
from local_keyspaces.metered_statement import Body, MeteredStatement, failed_condition
from local_keyspaces.plans import BATCH_WRITE_TYPES, LONGEST_REMEMBERED, BoundPlan, Plan
from local_keyspaces.requests import Parameters, Values
from local_keyspaces.tables import Table, UserType
from local_keyspaces.throttling import ConnectionThrottle

_REMEMBERED = 1000  # plans


class Consumption:
    """The consumption of one principal's connection."""

    def __init__(
        self,
        meter: Meter,
        role: str,
        tables: Mapping[tuple[str, str], Table],
        types: Mapping[tuple[str, str], UserType],
        throttle: ConnectionThrottle | None = None,
    ) -> None:
        """tables, types: by keyspace and name, always up to date. throttle: None if capacity is not enforced."""
        self._meter = meter
        self._role = role
        self._tables = tables
        self._types = types
        self._throttle = throttle
        self._parts: dict[Plan, list[MeteredStatement]] = {}

    def of_read(self, plan: Plan, parameters: Parameters, names: tuple[str, ...]) -> Observe:
        """names: of the result's columns, if the client knows them. Raises Refused if the capacity is exceeded."""
        (part,) = self._known(plan)
        if self._throttle is not None:
            return self._throttled_read(self._throttle, part, parameters, names)

        def observe(body: Body | None, length: int) -> tuple[float, float]:
            return part.count_read(body, length, parameters, names), 0

        return observe

    def scans(self, plan: Plan) -> bool:
        """True if a read names no partition, so that it reads the whole table."""
        (part,) = self._known(plan)
        return part.scans

    def of_write(self, plans: Sequence[BoundPlan], *, kind: str | None) -> Observe:
        """kind: the batch's, None for a single statement. Raises Refused like `of_read`."""
        parts = [(part, values, size) for plan, values, size in plans for part in self._known(plan)]
        conditional = any(part.conditional for part, _, _ in parts)
        if self._throttle is not None:
            write_type = plans[0].plan.write_type if kind is None else BATCH_WRITE_TYPES[kind]
            return self._throttled_write(self._throttle, parts, write_type, logged=kind == "LOGGED")

        def observe(body: Body | None, length: int) -> tuple[float, float]:
            read, write = 0.0, 0.0
            if conditional and (failed := failed_condition(body)) is not None:
                for part, _, _ in parts:
                    units = part.count_failure(failed)
                    read, write = read + units[0], write + units[1]
                return read, write
            for part, values, size in parts:
                write += part.count_write(values, size, logged=kind == "LOGGED")
            return read, write

        return observe

    def _throttled_read(
        self, throttle: ConnectionThrottle, part: MeteredStatement, parameters: Parameters, names: tuple[str, ...]
    ) -> Observe:
        demand, queries = part.read_demand(throttle, parameters)
        throttle.admit([demand], queries=queries, write_type=None, consistency=parameters.consistency)

        def observe(body: Body | None, length: int) -> tuple[float, float]:
            units = part.count_read(body, length, parameters, names)
            throttle.settle(demand, units, 0)
            return units, 0

        return observe

    def _throttled_write(
        self,
        throttle: ConnectionThrottle,
        parts: Sequence[tuple[MeteredStatement, Values, int]],
        write_type: str | None,
        *,
        logged: bool,
    ) -> Observe:
        demands = [part.write_demand(throttle, values, size, logged=logged) for part, values, size in parts]
        if demands:  # an empty batch takes no capacity
            throttle.admit(demands, queries=1, write_type=write_type, consistency="LOCAL_QUORUM")

        def observe(body: Body | None, length: int) -> tuple[float, float]:
            failed = failed_condition(body) if any(part.conditional for part, _, _ in parts) else None
            read, write = 0.0, 0.0
            for (part, values, size), demand in zip(parts, demands, strict=True):
                if failed is not None:
                    units = part.count_failure(failed)
                else:
                    units = 0, part.count_write(values, size, logged=logged)
                throttle.settle(demand, *units)
                read, write = read + units[0], write + units[1]
            return read, write

        return observe

    def _known(self, plan: Plan) -> list[MeteredStatement]:
        parts = self._parts.get(plan)
        if parts is None:
            return self._look_at(plan)
        for part in parts:
            if self._tables[part.name] is not part.table:
                return self._look_at(plan)
        return parts

    def _look_at(self, plan: Plan) -> list[MeteredStatement]:
        text, literals = cql.shape(plan.text), len(plan.text.encode())
        parts = [
            MeteredStatement(
                self._meter, self._role, part, self._tables[name], self._types, text=text, literals=literals
            )
            for part, name in zip(plan.parts, plan.tables, strict=True)
        ]
        if len(plan.text) <= LONGEST_REMEMBERED:
            if len(self._parts) >= _REMEMBERED:
                self._parts.clear()
            self._parts[plan] = parts
        return parts
