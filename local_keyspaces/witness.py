"""Records the clients' statements and settings that the service refuses, for a verdict on their program."""

import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from local_keyspaces import cql
from local_keyspaces.capacity import CONNECTION_QUERIES
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.refusals import Refused

_MOST_REMEMBERED = 2_000
_LONGEST_SHAPE, _LONGEST_TEXT = 1_000, 20_000
_MANY_VALUES = re.compile(r"\?(?:, ?\?){3,}")


@dataclass(kw_only=True)
class Sighting:
    """A refused statement or client setting: its first occurrence, and the number of occurrences.

    shape: the statement without its values; empty for a setting. text: the original statement. role: the client's.
    """

    rule: ServiceRule
    shape: str
    message: str
    text: str = ""
    role: str = ""
    times: int = 0


@dataclass
class Witness:
    """Only the endpoint's thread writes to it; it is read when the clients have ended."""

    sightings: dict[tuple[ServiceRule, str], Sighting] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    connections: int = 0

    def client_hello(self, connection: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        """Python's callback for each TLS handshake."""
        if server_name is None:
            self.setting(ServiceRule.SERVER_NAME, "a TLS handshake without a server name")

    def setting(self, rule: ServiceRule, message: str) -> None:
        self._add(Sighting(rule=rule, shape="", message=message))

    def refused(self, texts: Sequence[str], role: str, error: Refused) -> None:
        """texts: the statements of the request; several for a BATCH message."""
        text = texts[0] if texts else ""
        shape = _shape(text)
        if len(texts) > 1:
            shape = f"batch of {len(texts)} statements, the first: {shape}"
        rule = error.rule or (ServiceRule.DDL if _is_ddl(text) else ServiceRule.OTHER)
        self._add(
            Sighting(
                rule=rule, shape=shape[:_LONGEST_SHAPE], message=error.message, text=text[:_LONGEST_TEXT], role=role
            )
        )

    def _add(self, seen: Sighting) -> None:
        key = (seen.rule, seen.shape)
        if key not in self.sightings and len(self.sightings) >= _MOST_REMEMBERED:
            # The program writes values into its statements: this one is counted with the others of the same rule.
            key = (seen.rule, "")
        self.sightings.setdefault(key, seen).times += 1


class ConnectionWitness:
    """Records one client's connection, signed in as `role`."""

    def __init__(self, witness: Witness, role: str) -> None:
        self._witness = witness
        self._role = role
        self._second, self._in_second = 0, 0
        witness.roles.add(role)
        witness.connections += 1

    def request(self) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second == CONNECTION_QUERIES + 1:
            self._witness.setting(ServiceRule.REQUEST_RATE, f"more than {CONNECTION_QUERIES} requests in a second")

    def refused(self, texts: Sequence[str], error: Refused) -> None:
        self._witness.refused(texts, self._role, error)


def _shape(text: str) -> str:
    try:
        return _MANY_VALUES.sub("?, ...", cql.shape(text))
    except cql.CqlSyntaxError:
        return " ".join(text.split())


def _is_ddl(text: str) -> bool:
    return text.lstrip().upper().startswith(("CREATE", "ALTER", "DROP"))
