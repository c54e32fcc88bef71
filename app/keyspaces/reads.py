"""Prepared reads that the event loop awaits, with a deadline, and tried again when that can help.

`Session.execute_async` would do, but builds a future with locks, an event and a timer for each statement, which costs
more than the statement (docs/query-api.md, "Speed"). This sends the driver's own messages on the driver's own pools.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel, OperationTimedOut, ReadFailure, ReadTimeout, Unavailable
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionBusy, ConnectionException
from cassandra.pool import NoConnectionsAvailable
from cassandra.protocol import (
    ErrorMessage,
    ExecuteMessage,
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    PreparedQueryNotFound,
    ServerError,
)
from cassandra.query import PreparedStatement

# Of no statement that only reads does trying again change the outcome, so it is safe after each of these. Keyspaces
# reports throttling as a ReadTimeout (developer guide, "Troubleshooting capacity errors").
_PASSING = (
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
_ATTEMPTS = 5
_ATTEMPT_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds

Observer = Callable[[str, float], None]
"""Told of each statement how it ended (`ok`, or the error's name) and how many seconds it took."""


class DeadlineExceeded(Exception):
    """There was no answer in the time that the caller has."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of the columns; paging_state: where the next page begins, None after the last."""

    rows: Sequence[tuple[Any, ...]]
    paging_state: bytes | None


class PreparedRead:
    """A SELECT. `execute` belongs to the event loop whose connections the session has."""

    def __init__(self, session: Session, cql: str, *, observe: Observer) -> None:
        """Prepares it. Blocks. Raises the driver's errors."""
        self._session = session
        self._cql = cql
        self._observe = observe
        self._statement = session.prepare(cql)
        self._turn = 0
        self._preparing = asyncio.Lock()

    def check(self, values: Sequence[Any]) -> None:
        """Reads once, at the consistency that all reads have. Blocks. Raises the driver's errors."""
        self._session.execute(self._statement.bind(values))

    async def execute(
        self,
        values: Sequence[Any],
        *,
        deadline: float,
        fetch_size: int | None = None,
        paging_state: bytes | None = None,
    ) -> Page:
        """One page. deadline: in the event loop's time. Raises DeadlineExceeded and the driver's errors."""
        loop = asyncio.get_running_loop()
        for attempt in range(1, _ATTEMPTS + 1):
            statement = self._statement
            try:
                return await self._attempt(loop, statement, values, deadline, fetch_size, paging_state)
            except PreparedQueryNotFound:
                await self._prepare_again(statement)
            except _PASSING as error:
                if loop.time() >= deadline:
                    raise DeadlineExceeded(f"no answer in time; the last attempt: {type(error).__name__}") from error
                # Full jitter: what was refused together does not come back together.
                pause = random.uniform(0, min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
                if attempt == _ATTEMPTS or loop.time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
        raise NoHostAvailable("the server forgets the statement as soon as it is prepared", {})

    async def _attempt(
        self,
        loop: asyncio.AbstractEventLoop,
        statement: PreparedStatement,
        values: Sequence[Any],
        deadline: float,
        fetch_size: int | None,
        paging_state: bytes | None,
    ) -> Page:
        message = ExecuteMessage(
            statement.query_id,
            statement.bind(values).values,
            ConsistencyLevel.LOCAL_QUORUM,
            fetch_size=fetch_size,
            paging_state=paging_state,
            skip_meta=True,
        )
        started = loop.time()
        outcome = "ok"
        try:
            response = await self._answer(loop, message, statement, min(_ATTEMPT_SECONDS, deadline - started))
            if isinstance(response, ErrorMessage):
                raise response.to_exception() if hasattr(response, "to_exception") else response
            if isinstance(response, Exception):
                raise response
            return Page(response.parsed_rows, response.paging_state)
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observe(outcome, loop.time() - started)

    async def _answer(
        self, loop: asyncio.AbstractEventLoop, message: ExecuteMessage, statement: PreparedStatement, seconds: float
    ) -> Any:
        """The server's response, an error of the server included. Raises OperationTimedOut and NoHostAvailable."""
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

        pools = tuple(self._session.get_pools())
        self._turn += 1
        errors: dict[Any, Exception] = {}
        for number in range(len(pools)):
            pool = pools[(self._turn + number) % len(pools)]
            try:
                connection, stream = pool.borrow_connection(timeout=0)
            except (ConnectionException, NoConnectionsAvailable) as error:
                errors[pool.host] = error
                continue
            try:
                connection.send_msg(message, stream, done, result_metadata=statement.result_metadata)
                break
            except (ConnectionException, ConnectionBusy) as error:
                errors[pool.host] = error
                connection.request_ids.append(stream)
                pool.return_connection(connection)
        else:
            raise NoHostAvailable("no host takes statements at the moment", errors)

        def expire() -> None:
            if not answer.done():
                answer.set_exception(OperationTimedOut(f"no answer within {seconds:.1f} s"))

        timer = loop.call_later(seconds, expire)
        try:
            return await answer
        finally:
            timer.cancel()

    async def _prepare_again(self, unknown: PreparedStatement) -> None:
        """A server that was started again does not know the statement."""
        async with self._preparing:
            if self._statement is unknown:
                self._statement = await asyncio.to_thread(self._session.prepare, self._cql)
