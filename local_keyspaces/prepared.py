"""Prepared statements by id, shared by all connections, because drivers rely on this."""

from collections import OrderedDict

from local_keyspaces.plans import Plan
from local_keyspaces.refusals import unprepared

_MOST, _MOST_CHARACTERS = 10_000, 8 * 1024 * 1024


class Prepared:
    """Forgets the least recently used statements when there are too many, or when their texts are too long."""

    def __init__(self) -> None:
        self._plans: OrderedDict[bytes, Plan] = OrderedDict()
        self._names: dict[bytes, tuple[str, ...]] = {}
        self._characters = 0

    def add(self, id_: bytes, plan: Plan, names: tuple[str, ...] = ()) -> None:
        """names: the names of the result's columns."""
        self._names[id_] = names
        if id_ not in self._plans:
            self._plans[id_] = plan
            self._characters += len(plan.text)
        self._plans.move_to_end(id_)
        while len(self._plans) > _MOST or (self._characters > _MOST_CHARACTERS and len(self._plans) > 1):
            id_, forgotten = self._plans.popitem(last=False)
            del self._names[id_]
            self._characters -= len(forgotten.text)

    def names(self, id_: bytes) -> tuple[str, ...]:
        """The names of the result's columns; empty if the statement is forgotten, or writes."""
        return self._names.get(id_, ())

    def find(self, id_: bytes, *, shows_peers: bool) -> Plan:
        """Raises UNPREPARED as Refused; the driver prepares again with its own visibility."""
        plan = self._plans.get(id_)
        if plan is None or (plan.reads_peers and plan.shows_peers != shows_peers):
            raise unprepared(id_)
        self._plans.move_to_end(id_)
        return plan
