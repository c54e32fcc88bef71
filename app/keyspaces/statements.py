"""Prepared statements that the event loop awaits, with a deadline, and tried again where that is safe and helps.

`Session.execute_async` would do, but it builds a future with locks, an event and a timer for each statement, which
costs more than the statement (docs/service.md, "Speed"). This module sends the driver's messages on the driver's pools.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from cassandra import OperationTimedOut, ReadFailure, ReadTimeout, Unavailable, WriteFailure, WriteTimeout
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionBusy, ConnectionException
from cassandra.pool import HostConnection, NoConnectionsAvailable
from cassandra.protocol import (
    ErrorMessage,
    InvalidRequestException,
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    PreparedQueryNotFound,
    PrepareMessage,
    ProtocolHandler,
    ServerError,
)
from cassandra.query import PreparedStatement

from keyspaces.execute import ExecuteMessage
from keyspaces.origin import REQUEST_ID
from keyspaces.results import SchemaChanged, decode_message, described
from keyspaces.retries import ATTEMPTS, RetryBudget, pause_after
from keyspaces.serialize import Unwritable

T = TypeVar("T")

Effect = Literal["read", "idempotent write", "write once"]
"""The effect of an execution. `write once`: doing it twice is not the same as doing it once, as for a condition, a
counter, or a value that is appended to a list."""

# The statement was not executed, so that any may be tried again.
_REFUSED = (Unavailable, OverloadedErrorMessage, IsBootstrappingErrorMessage, NoHostAvailable)
# It may have been. Keyspaces reports throttling as a ReadTimeout or WriteTimeout (developer guide, "Troubleshooting
# capacity errors").
_UNCLEAR = (
    ReadTimeout,
    ReadFailure,
    WriteTimeout,
    WriteFailure,
    ServerError,
    OperationTimedOut,
    ConnectionException,
)
_ATTEMPT_SECONDS = 5.0
_AT_ONCE = 0.01  # seconds; with less left, the deadline counts as reached, since timers are no more exact than that

Observer = Callable[[Sequence[str], str, float], None]
"""Is called after each attempt with the CQL (several statements for a batch), the outcome (`ok`, or the error's name),
and the seconds that it took. It runs in the caller's task."""


class DeadlineExceeded(Exception):
    """There was no answer in the time that the caller has; a write was not executed."""


class OutcomeUnknown(Exception):
    """A write may have been executed, or not; the message says what happened instead of an answer."""


class KnownStatement:
    """A statement as the hosts know it. `message` makes its executions."""

    def __init__(self, session: Session, cql: str) -> None:
        """Prepares it. Blocks. Raises the driver's errors."""
        self._session = session
        self.cql = cql
        statement = session.prepare(cql)
        self._keys = described(statement.column_metadata)
        self._use(statement)

    def _use(self, statement: PreparedStatement) -> None:
        self.prepared, self.message = statement, ExecuteMessage(statement)

    async def prepare_again(self, pool: HostConnection, seconds: float) -> None:
        """On the host that does not know the statement: the host is new, or it was started again, or the table changed.

        Raises SchemaChanged if the values that the statement takes have other types now.
        """
        loop = asyncio.get_running_loop()
        message = PrepareMessage(query=self.cql)
        response, _ = await _answer(loop, (pool,), seconds, message, ProtocolHandler.encode_message)
        _raise_if_error(response)
        if (keys := described(response.bind_metadata)) != self._keys:
            raise SchemaChanged(f"its keys are {keys}, not {self._keys}")
        cluster = self._session.cluster
        self._use(
            PreparedStatement.from_message(
                response.query_id,
                response.bind_metadata,
                response.pk_indexes,
                cluster.metadata,
                self.cql,
                None,
                self.prepared.protocol_version,
                response.column_metadata,
                response.result_metadata_id,
            )
        )
        cluster.add_prepared(response.query_id, self.prepared)  # for hosts that come back


class Executions:
    """Executions of one kind, with one budget of retries."""

    def __init__(self, session: Session, *, encode: Callable[..., bytes], observe: Observer) -> None:
        """encode: makes a frame of a message's body."""
        self._session = session
        self._encode = encode
        self._observe = observe
        self._turn = 0
        self._budget = RetryBudget()

    async def run(
        self,
        statements: Sequence[KnownStatement],
        effect: Effect,
        message: Callable[[], bytes],
        decode: Callable[[Any], T],
        *,
        deadline: float,
    ) -> T:
        """The decoded response. message: makes the statements' body for each attempt. deadline: in the loop's time.

        Raises DeadlineExceeded, OutcomeUnknown, SchemaChanged, Unwritable, what `decode` raises, and the driver's
        errors.
        """
        loop = asyncio.get_running_loop()
        unclear: Exception | None = None
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    found = await self._attempt(loop, statements, effect, message, decode, deadline)
                except PreparedQueryNotFound:
                    continue  # it knows the statement now
                except (*_REFUSED, *_UNCLEAR) as error:
                    if effect != "read" and isinstance(error, _UNCLEAR):
                        unclear = error
                        if effect == "write once":
                            raise
                    pause, left = pause_after(attempt), deadline - loop.time()
                    if attempt < ATTEMPTS and pause < left and self._budget.spend():
                        await asyncio.sleep(pause)
                    elif left < _AT_ONCE or isinstance(error, OperationTimedOut):
                        raise DeadlineExceeded(
                            f"no answer in time; the last attempt: {type(error).__name__}"
                        ) from error
                    else:
                        raise
                else:
                    self._budget.succeeded(attempt)
                    return found
            raise NoHostAvailable("the server forgets the statement as soon as it is prepared", {})
        except Exception as error:
            if unclear is None:
                raise
            raise OutcomeUnknown(f"no clear answer: {type(unclear).__name__}: {unclear}") from error

    async def _attempt(
        self,
        loop: asyncio.AbstractEventLoop,
        statements: Sequence[KnownStatement],
        effect: Effect,
        message: Callable[[], bytes],
        decode: Callable[[Any], T],
        deadline: float,
    ) -> T:
        body = message()
        pools = tuple(self._session.get_pools())
        if pools:
            self._turn = (self._turn + 1) % len(pools)
            pools = pools[self._turn :] + pools[: self._turn]
        seconds = min(_ATTEMPT_SECONDS, deadline - loop.time())
        if effect != "read" and seconds < _AT_ONCE:
            raise DeadlineExceeded("there was no time left to write")
        started = time.perf_counter()
        outcome = "ok"
        try:
            response, pool = await _answer(loop, pools, seconds, body, self._encode, REQUEST_ID.get())
            if isinstance(response, PreparedQueryNotFound | InvalidRequestException):
                # Values of the wrong type are an InvalidRequest, so the table may have been created again.
                for statement in statements:
                    await statement.prepare_again(pool, min(_ATTEMPT_SECONDS, deadline - loop.time()))
            if isinstance(response, InvalidRequestException):
                # The statements are valid still, so these values are not: an empty key, for example.
                raise Unwritable("the table does not take these values") from response.to_exception()
            _raise_if_error(response)
            return decode(response)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observe([each.cql for each in statements], outcome, time.perf_counter() - started)


async def _answer(
    loop: asyncio.AbstractEventLoop,
    pools: Sequence[HostConnection],
    seconds: float,
    message: Any,
    encoder: Callable[..., bytes],
    request_id: str = "",
) -> tuple[Any, HostConnection]:
    """The response of the first host that takes the statement, and its pool; errors are responses, too.

    request_id: for endpoints that want it. Raises NoHostAvailable.
    """
    answer: asyncio.Future[Any] = loop.create_future()
    thread = threading.get_ident()

    def settle(response: Any) -> None:
        if not answer.done():
            answer.set_result(response)

    def done(response: Any) -> None:
        # A stream that was given up stays taken until its answer comes or its connection ends, as both end here.
        pool.return_connection(connection)
        if threading.get_ident() == thread:
            settle(response)
        else:  # the driver ends a broken connection's requests in whatever thread notices
            loop.call_soon_threadsafe(settle, response)

    def expire() -> None:
        settle(OperationTimedOut(f"no answer within {seconds:.1f} s"))

    errors: dict[Any, Exception] = {}
    for pool in pools:
        try:
            connection, stream = pool.borrow_connection(timeout=0)
        except (ConnectionException, NoConnectionsAvailable) as error:
            errors[pool.host] = error
            continue
        if request_id and connection.wants_request_ids:
            encoder = partial(encoder, request_id=request_id)
        try:
            connection.send_msg(message, stream, done, encoder=encoder, decoder=decode_message)
            break
        except (ConnectionException, ConnectionBusy) as error:
            errors[pool.host] = error
            connection.request_ids.append(stream)
            pool.return_connection(connection)
    else:
        raise NoHostAvailable("no host takes statements at the moment", errors)
    timer = loop.call_later(seconds, expire)
    try:
        return await answer, pool
    finally:
        timer.cancel()


def _raise_if_error(response: Any) -> None:
    if isinstance(response, ErrorMessage) and hasattr(response, "to_exception"):
        raise response.to_exception()
    if isinstance(response, Exception):
        raise response
