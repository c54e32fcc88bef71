"""Executes prepared statements on the event loop, with a deadline, and with retries where they are safe and help.

`Session.execute_async` would work, but builds a future with locks, an event and a timer for each statement, which costs
more than the statement (docs/service.md, "Speed"). This module sends messages on the driver's connection pools.
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
"""The effect of an execution. `write once` is a write that is not idempotent: with a condition, to a counter, or
appending to a list."""

# The statement was not executed, so a retry is safe for every effect.
_REFUSED = (Unavailable, OverloadedErrorMessage, IsBootstrappingErrorMessage, NoHostAvailable)
# The statement may have been executed. Keyspaces reports throttling as a ReadTimeout or WriteTimeout (developer guide,
# "Troubleshooting capacity errors").
_UNCLEAR = (
    ReadTimeout,
    ReadFailure,
    WriteTimeout,
    WriteFailure,
    ServerError,
    OperationTimedOut,
    ConnectionException,
)
_UNPREPARED = (PreparedQueryNotFound, InvalidRequestException)
_ATTEMPT_SECONDS = 5.0
_AT_ONCE = 0.01  # seconds; with less time left, the deadline counts as reached, since timers are not more exact

Observer = Callable[[Sequence[str], str, float], None]
"""A callback after each attempt, with the CQL (several statements for a batch), the outcome (`ok`, or the error's name)
and the duration in seconds. It runs in the caller's task."""


class DeadlineExceeded(Exception):
    """The server did not answer within the caller's deadline; a write was not executed."""


class OutcomeUnknown(Exception):
    """A write may have been executed, or not; the message names the error of its last unclear attempt."""


class KnownStatement:
    """A prepared statement. `message` encodes its executions."""

    def __init__(self, session: Session, cql: str) -> None:
        """Prepares the statement. Blocks. Raises the driver's errors."""
        self._session = session
        self.cql = cql
        statement = session.prepare(cql)
        self._keys = described(statement.column_metadata)
        self._use(statement)

    def _use(self, statement: PreparedStatement) -> None:
        self.prepared, self.message = statement, ExecuteMessage(statement)

    async def prepare_again(self, pool: HostConnection, seconds: float) -> None:
        """Prepares the statement on a host that does not know it: the host is new or restarted, or the table changed.

        Raises SchemaChanged if the types of the statement's values have changed.
        """
        loop = asyncio.get_running_loop()
        message = PrepareMessage(query=self.cql)
        response, _ = await _answer(loop, (pool,), seconds, message, ProtocolHandler.encode_message)
        _raise_if_error(response)
        if (keys := described(response.bind_metadata)) != self._keys:
            raise SchemaChanged(f"the statement now takes the values {keys}, not {self._keys}")
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
        cluster.add_prepared(response.query_id, self.prepared)  # so that the driver prepares it on returning hosts


class Executions:
    """Executes statements of one kind, which share a retry budget."""

    def __init__(self, session: Session, *, encode: Callable[..., bytes], observe: Observer) -> None:
        """encode: turns a message's body into a frame."""
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
        """The decoded response. message: makes the body for each attempt. deadline: in the event loop's time.

        Raises DeadlineExceeded, OutcomeUnknown, SchemaChanged, Unwritable, errors of `decode`, and the driver's errors.
        """
        loop = asyncio.get_running_loop()
        unclear: Exception | None = None
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    found = await self._attempt(loop, statements, effect, message, decode, deadline)
                except PreparedQueryNotFound:
                    continue  # the attempt has prepared the statement again
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
            raise NoHostAvailable("the server does not keep the statement after preparing it", {})
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
            if isinstance(response, _UNPREPARED):
                # Values of the wrong type are an InvalidRequest, so the table may have been created again.
                for statement in statements:
                    await statement.prepare_again(pool, min(_ATTEMPT_SECONDS, deadline - loop.time()))
            if isinstance(response, InvalidRequestException):
                # Preparing them again succeeded, so the values are invalid: an empty key, for example.
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
    """The response of the first host that accepts the message, and the host's pool. A response may be an error.

    request_id: for endpoints that accept it; empty for none. Raises NoHostAvailable.
    """
    answer: asyncio.Future[Any] = loop.create_future()
    thread = threading.get_ident()

    def settle(response: Any) -> None:
        if not answer.done():
            answer.set_result(response)

    def done(response: Any) -> None:
        # After a timeout the stream stays in use until its response arrives or its connection closes. Both call `done`.
        pool.return_connection(connection)
        if threading.get_ident() == thread:
            settle(response)
        else:  # the driver reports a broken connection from the thread that detects it
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
