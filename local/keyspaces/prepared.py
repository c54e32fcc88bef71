"""Prepared statements by their id, whichever connection prepared them, as drivers rely on."""

from collections import OrderedDict

from local.keyspaces.plans import Plan
from local.keyspaces.refusals import unprepared

_MOST = 10_000


class Prepared:
    """Forgets the least used when there are too many."""

    def __init__(self) -> None:
        self._plans: OrderedDict[bytes, Plan] = OrderedDict()

    def add(self, id_: bytes, plan: Plan) -> None:
        self._plans[id_] = plan
        self._plans.move_to_end(id_)
        while len(self._plans) > _MOST:
            self._plans.popitem(last=False)

    def find(self, id_: bytes, *, shows_peers: bool) -> Plan:
        """Raises Refused, upon which a client prepares it again, and gets what it may see."""
        plan = self._plans.get(id_)
        if plan is None or (plan.reads_peers and plan.shows_peers != shows_peers):
            raise unprepared(id_)
        self._plans.move_to_end(id_)
        return plan
