"""`Idempotency-Key`: a request that is sent again is done once.

Source: IETF draft-ietf-httpapi-idempotency-key-header-07. A key is kept in a table of the program's own, with what
its request was, an id, and the answer. A client that repeats the request gets that answer. Where there is none yet,
since the first attempt is under way or its task has died, the handler runs again with the same id: it finishes what was
begun.
"""

import hashlib
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cassandra.util import datetime_from_uuid1, uuid_from_time

from service.problems import BadRequest, UnprocessableContent
from service.representations import Created, Representation
from service.writes import RowWrite

COLUMNS: Final = {"key": "text", "fingerprint": "blob", "id": "timeuuid", "location": "text", "answer": "blob"}
"""Of the table that keeps the keys; `key` is its primary key. The table's default time to live says for how long."""

_HEADER: Final = b"idempotency-key"
_KEY: Final = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?').fullmatch


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """id: a time-based UUID, the same each time that the request is sent.

    A handler that names what it writes by it, and takes the time from it, can run any number of times.
    """

    id: uuid.UUID

    @property
    def time(self) -> datetime:
        """When the request came first, in UTC, to the millisecond."""
        at: datetime = datetime_from_uuid1(self.id).replace(tzinfo=UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Idempotency:
    """The keys of a program's requests, in one table."""

    def __init__(self, claim: RowWrite, keep: RowWrite) -> None:
        """claim: makes a row of key, fingerprint and id, if there is none. keep: writes all columns."""
        self._claim = claim
        self._keep = keep

    async def run(
        self, key: str, fingerprint: bytes, handler: Callable[[IdempotentRequest], Awaitable[Created | Representation]]
    ) -> Created | Representation:
        """The answer to the request with this key.

        Raises Problem: UnprocessableContent if the key was another request's, and what `handler` raises, which is not
        kept.
        """
        made = uuid_from_time(time.time())
        claimed = await self._claim(key=key, fingerprint=fingerprint, id=made)
        if not claimed and claimed.row is not None:
            if claimed.row["fingerprint"] != fingerprint:
                raise UnprocessableContent("This Idempotency-Key was used for another request; use a new one.")
            if claimed.row["answer"] is not None:
                return _answer(claimed.row["location"], claimed.row["answer"])
            made = claimed.row["id"]
        answer = await handler(IdempotentRequest(made))
        location, representation = (
            (answer.location, answer.representation) if isinstance(answer, Created) else (None, answer)
        )
        # All columns, so that they expire together.
        await self._keep(key=key, fingerprint=fingerprint, id=made, location=location, answer=representation.body)
        return answer


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Raises BadRequest for a request without a usable key."""
    given = [value.decode("latin-1") for name, value in headers if name == _HEADER]
    found = _KEY(given[0]) if len(given) == 1 else None
    if found is None:
        raise BadRequest(
            "Send one Idempotency-Key of 1 to 200 visible characters, such as a UUID; a new one for a new request."
        )
    return found[1]


def fingerprint(route: str, arguments: str, body: bytes) -> bytes:
    """Of a request; another request has another one."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in (route.encode(), arguments.encode(), body):
        hashed.update(len(part).to_bytes(4, "big") + part)
    return hashed.digest()


def _answer(location: str | None, body: bytes) -> Created | Representation:
    representation = Representation.of_json(body.rstrip(b"\n"))
    return representation if location is None else Created(representation, location)
