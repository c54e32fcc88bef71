"""Prepared reads that the event loop awaits, with a deadline, and with retries where they help.

`Session.execute_async` would do, but it builds a future with locks, an event and a timer for each statement, which
costs more than the statement (docs/service.md, "Speed"). This module sends the driver's messages on the driver's pools.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from cassandra import OperationTimedOut, ReadFailure, ReadTimeout, Unavailable
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

from keyspaces.execute import ExecuteMessage, encode
from keyspaces.results import (
    Column,
    RowPage,
    RowsDecoder,
    SchemaChanged,
    UnreadRows,
    decode_message,
    described,
)
from keyspaces.retries import ATTEMPTS, RetryBudget, pause_after

# Reads are idempotent, so a retry is safe after each of these. Keyspaces reports throttling as a ReadTimeout (developer
# guide, "Troubleshooting capacity errors").
_TRANSIENT = (
    ReadTimeout,
    ReadFailure,
    Unavailable,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    ServerError,
    OperationTimedOut,
    ConnectionException,
    NoHostAvailable,
)
_ATTEMPT_SECONDS = 5.0
_AT_ONCE = 0.01  # seconds; with less left, the deadline counts as reached, since timers are no more exact than that

Observer = Callable[[str, float], None]
"""Is told of each statement how it ended (`ok`, or the error's name) and how many seconds it took."""


class DeadlineExceeded(Exception):
    """There was no answer in the time that the caller has."""


class PreparedRead:
    """A SELECT. `execute` belongs to the event loop whose connections the session has."""

    def __init__(
        self, session: Session, cql: str, *, observe: Observer, on_more_columns: Callable[[str], object]
    ) -> None:
        """Prepares it. Blocks. Raises the driver's errors.

        on_more_columns: is told, with a sentence, that the table has got more columns.
        """
        self._session = session
        self._cql = cql
        self._observe = observe
        statement = session.prepare(cql)
        self._keys = described(statement.column_metadata)
        self._decoder = RowsDecoder(statement.result_metadata, on_more_columns=on_more_columns)
        self._use(statement)
        self._turn = 0
        self._budget = RetryBudget()

    @property
    def columns(self) -> Sequence[Column]:
        """Of the rows."""
        return self._decoder.columns

    def _use(self, statement: PreparedStatement) -> None:
        self._statement, self._message = statement, ExecuteMessage(statement)

    def check(self, values: Sequence[Any]) -> None:
        """Reads once, at the consistency that all reads have, whatever values it finds. Blocks.

        Raises the driver's errors.
        """
        handler = self._session.client_protocol_handler
        self._session.client_protocol_handler = UnreadRows
        try:
            self._session.execute(self._statement.bind(values))
        finally:
            self._session.client_protocol_handler = handler

    async def execute(
        self,
        values: Sequence[Any],
        *,
        deadline: float,
        fetch_size: int | None = None,
        paging_state: bytes | None = None,
    ) -> RowPage:
        """One page. deadline: in the event loop's time.

        Raises DeadlineExceeded, SchemaChanged, `keyspaces.types.Unrepresentable`, and the driver's errors.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                page = await self._attempt(loop, values, deadline, fetch_size, paging_state)
            except PreparedQueryNotFound:
                continue  # it knows the statement now
            except _TRANSIENT as error:
                pause, left = pause_after(attempt), deadline - loop.time()
                if attempt < ATTEMPTS and pause < left and self._budget.spend():
                    await asyncio.sleep(pause)
                elif left < _AT_ONCE or isinstance(error, OperationTimedOut):
                    raise DeadlineExceeded(f"no answer in time; the last attempt: {type(error).__name__}") from error
                else:
                    raise
            else:
                self._budget.succeeded(attempt)
                return page
        raise NoHostAvailable("the server forgets the statement as soon as it is prepared", {})

    async def _attempt(
        self,
        loop: asyncio.AbstractEventLoop,
        values: Sequence[Any],
        deadline: float,
        fetch_size: int | None,
        paging_state: bytes | None,
    ) -> RowPage:
        message = self._message(values, fetch_size, paging_state)
        pools = tuple(self._session.get_pools())
        if pools:
            self._turn = (self._turn + 1) % len(pools)
            pools = pools[self._turn :] + pools[: self._turn]
        started = time.perf_counter()
        outcome = "ok"
        try:
            seconds = min(_ATTEMPT_SECONDS, deadline - loop.time())
            response, pool = await _answer(loop, pools, seconds, message, encode)
            if isinstance(response, PreparedQueryNotFound | InvalidRequestException):
                # Values of the wrong type are an InvalidRequest, so the table may have been created again.
                await self._prepare_again(loop, pool, deadline)
            _raise_if_error(response)
            return self._decoder.decode(response)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observe(outcome, time.perf_counter() - started)

    async def _prepare_again(self, loop: asyncio.AbstractEventLoop, pool: HostConnection, deadline: float) -> None:
        """On the host that does not know the statement: the host is new, or it was started again, or the table changed.

        Raises SchemaChanged if the keys that the statement takes have other types now.
        """
        seconds = min(_ATTEMPT_SECONDS, deadline - loop.time())
        response, _ = await _answer(
            loop, (pool,), seconds, PrepareMessage(query=self._cql), ProtocolHandler.encode_message
        )
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
                self._cql,
                None,
                self._statement.protocol_version,
                response.column_metadata,
                response.result_metadata_id,
            )
        )
        cluster.add_prepared(response.query_id, self._statement)  # for hosts that come back


async def _answer(
    loop: asyncio.AbstractEventLoop,
    pools: Sequence[HostConnection],
    seconds: float,
    message: Any,
    encoder: Callable[..., bytes],
) -> tuple[Any, HostConnection]:
    """The response of the first host that takes the statement, and its pool; errors are responses, too.

    Raises NoHostAvailable.
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
