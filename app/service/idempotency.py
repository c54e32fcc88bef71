"""`Idempotency-Key`: a request that is sent more than once takes effect once.

Source: IETF draft-ietf-httpapi-idempotency-key-header-07. One of the program's tables stores each key with a
fingerprint of the request, an id, and the answer. A client that repeats the request gets the stored answer. If no
answer is stored yet, since the first attempt is in progress or its task has died, the handler runs again with the same
id and finishes the work of the first attempt.
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
"""Columns of the table that stores the keys; `key` is its primary key. Its default time to live expires the rows."""

_HEADER: Final = b"idempotency-key"
_KEY: Final = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?').fullmatch


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """id: a time-based UUID, the same for every attempt of a request.

    A handler is idempotent if it takes the keys of the rows that it writes, and the time, from this object.
    """

    id: uuid.UUID

    @property
    def time(self) -> datetime:
        """The time of the request's first attempt, in UTC, to the millisecond."""
        at: datetime = datetime_from_uuid1(self.id).replace(tzinfo=UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Idempotency:
    """Runs requests once for each key; one table stores the keys."""

    def __init__(self, claim: RowWrite, keep: RowWrite) -> None:
        """claim: inserts a row of key, fingerprint and id, if the key has none. keep: writes all columns."""
        self._claim = claim
        self._keep = keep

    async def run(
        self, key: str, fingerprint: bytes, handler: Callable[[IdempotentRequest], Awaitable[Created | Representation]]
    ) -> Created | Representation:
        """The answer to the request with this key.

        Raises Problem: UnprocessableContent if the key belongs to another request, and errors of `handler`, which are
        not stored.
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
        # Writes all columns, so that they expire together.
        await self._keep(key=key, fingerprint=fingerprint, id=made, location=location, answer=representation.body)
        return answer


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The request's key. Raises BadRequest if it is missing or malformed."""
    given = [value.decode("latin-1") for name, value in headers if name == _HEADER]
    found = _KEY(given[0]) if len(given) == 1 else None
    if found is None:
        raise BadRequest(
            "Send one Idempotency-Key of 1 to 200 visible characters, such as a UUID; use a new one for a new request."
        )
    return found[1]


def fingerprint(route: str, arguments: str, body: bytes) -> bytes:
    """A hash of a request, which tells it from other requests."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in (route.encode(), arguments.encode(), body):
        hashed.update(len(part).to_bytes(4, "big") + part)
    return hashed.digest()


def _answer(location: str | None, body: bytes) -> Created | Representation:
    representation = Representation.of_json(body.rstrip(b"\n"))
    return representation if location is None else Created(representation, location)
