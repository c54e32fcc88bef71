"""One client's connection: what it asks is checked, and passed on to Cassandra or answered here.

Each client has a connection to Cassandra of its own, so that stream ids, and pages, are never another client's.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from local.keyspaces import cql, ddl, frames, plans, results, sign_in, system_tables
from local.keyspaces.credentials import CredentialStore
from local.keyspaces.faults import FaultsFile
from local.keyspaces.frames import ErrorCode, Frame, FrameBuffer, Header, Opcode, ProtocolError, Reader
from local.keyspaces.gate import Gate
from local.keyspaces.plans import Plan
from local.keyspaces.refusals import Refused, throttled, unauthorized, unprepared
from local.keyspaces.requests import Batch, Execute, Parameters, Prepare, Query
from local.keyspaces.schema import Schema

_log = logging.getLogger(__name__)

_SIGN_IN_SECONDS = 30.0
_CHUNK = 64 * 1024
# A batch may have 4 MB and a row 1 MB; what is larger is refused with a message as long as it can be read at all.
_LARGEST = 16 * 1024 * 1024
_MOST_PREPARED = 10_000
_EVENTS = {"TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"}
# Before the paging state of a page that was left empty: the page itself is still to come.
_AFTER_EMPTY = b"\0after-empty\0"
_DEFAULT_PAGE = 5000


class Prepared:
    """Statements by their id, whichever connection prepared them, as drivers rely on. Forgets the least used."""

    def __init__(self) -> None:
        self._plans: OrderedDict[bytes, Plan] = OrderedDict()

    def add(self, id_: bytes, plan: Plan) -> None:
        self._plans[id_] = plan
        self._plans.move_to_end(id_)
        while len(self._plans) > _MOST_PREPARED:
            self._plans.popitem(last=False)

    def find(self, id_: bytes) -> Plan:
        """Raises Refused, upon which a client prepares it again."""
        plan = self._plans.get(id_)
        if plan is None:
            raise unprepared(id_)
        self._plans.move_to_end(id_)
        return plan


@dataclass(frozen=True, kw_only=True)
class Server:
    """What all connections share. cassandra: host and port."""

    region: str
    store: CredentialStore
    schema: Schema
    faults: FaultsFile
    cassandra: tuple[str, int]
    prepared: Prepared = field(default_factory=Prepared)


Change = Callable[[bytes], bytes]
"""Of the body of a RESULT, before the client gets it."""


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        self._reader = reader
        self._writer = writer
        self._server = server
        self._buffer = FrameBuffer(sign_in.LARGEST_BEFORE)
        # Looked at again whenever something was received.
        self._faults = server.faults.current()
        self._keyspace: str | None = None
        # Streams in use: what is to be done to the response, None for nothing.
        self._waiting: dict[int, Change | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # For Cassandra, once all that was received has been looked at.
        self._outgoing: list[bytes] = []
        # Answers given here while a response of Cassandra is only half passed on; they come after it.
        self._held: list[bytes] | None = None
        self._second, self._in_second = 0, 0

    async def run(self) -> None:
        """Until either side ends. Raises SignInRefused, ProtocolError and what streams raise."""
        async with asyncio.timeout(_SIGN_IN_SECONDS):
            signed_in = await sign_in.sign_in(
                self._reader,
                self._writer,
                self._buffer,
                region=self._server.region,
                store=self._server.store,
                all_expired=self._faults.expired_credentials,
            )
        principal = signed_in.credentials.principal
        if not principal.has_any("cassandra"):
            error = unauthorized(f"User {principal.arn} has no permissions.")
            await self._send(signed_in.request.reply_error(error.code, error.message))
            _log.info("refused: %s", error.message)
            return
        self._principal = principal
        self._gate = Gate(principal, self._server.schema.catalog)
        upstream_reader, self._upstream = await asyncio.open_connection(*self._server.cassandra)
        try:
            await self._start_upstream(upstream_reader, signed_in.options)
            _log.info("%s signed in", principal.arn)
            await self._send(signed_in.request.reply(Opcode.AUTH_SUCCESS, frames.bytes_(None)))
            self._buffer.largest = _LARGEST
            await _first_to_end(self._pass_requests(), self._pass_responses(upstream_reader))
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._upstream.close()

    async def _start_upstream(self, reader: asyncio.StreamReader, options: dict[str, str]) -> None:
        # The compression the client asked for, so that results can be passed on as they are.
        chosen = {"CQL_VERSION": "3.0.0"}
        if "COMPRESSION" in options:
            chosen["COMPRESSION"] = frames.COMPRESSION
        startup = Frame(stream=0, opcode=Opcode.STARTUP, body=frames.string_map(chosen))
        self._upstream.write(startup.encode())
        header = Header.decode(await reader.readexactly(frames.HEADER_SIZE))
        body = await reader.readexactly(header.length)
        if header.opcode != Opcode.READY:
            raise ConnectionError(f"Cassandra does not let the endpoint in: {body!r}")

    # -- from the client

    async def _pass_requests(self) -> None:
        while True:
            self._faults = self._server.faults.current()
            while (frame := self._buffer.next()) is not None:
                sign_in.check_version(frame)
                if frame.stream < 0 or frame.stream in self._waiting:
                    raise ProtocolError(f"stream {frame.stream} cannot be used now")
                self._on_request(frame)
            if self._outgoing:
                self._upstream.write(b"".join(self._outgoing))
                self._outgoing.clear()
            await self._upstream.drain()
            await self._writer.drain()
            chunk = await self._reader.read(_CHUNK)
            if not chunk:
                return
            self._buffer.feed(chunk)

    def _on_request(self, frame: Frame) -> None:
        try:
            match frame.opcode:
                case Opcode.OPTIONS:
                    self._reply(sign_in.supported(frame))
                case Opcode.REGISTER:
                    self._register(frame)
                case Opcode.QUERY | Opcode.PREPARE | Opcode.EXECUTE | Opcode.BATCH:
                    self._on_statement(frame)
                case _:
                    raise ProtocolError(f"Unexpected message 0x{frame.opcode:02X}")
        except Refused as error:
            self._refuse(frame, error)
        except ProtocolError as error:
            self._reply(frame.reply_error(ErrorCode.PROTOCOL_ERROR, str(error)))
        except ConnectionAbortedError:
            raise
        except Exception:
            _log.exception("a request could not be handled")
            self._reply(frame.reply_error(ErrorCode.SERVER_ERROR, "the local endpoint failed; its log says why"))

    def _register(self, frame: Frame) -> None:
        reader = Reader(frame.body)
        events = reader.string_list()
        reader.end()
        if not set(events) <= _EVENTS:
            raise ProtocolError(f"unknown events {sorted(set(events) - _EVENTS)}")
        self._reply(frame.reply(Opcode.READY))

    def _on_statement(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.PREPARE:
                self._prepare(frame, Prepare.decode(frame.body))
            case Opcode.QUERY:
                self._query(frame, Query.decode(frame.body))
            case Opcode.EXECUTE:
                execute = Execute.decode(frame.body)
                plan = self._server.prepared.find(execute.id)
                if plan.reads_peers and plan.shows_peers != self._gate.shows_peers:
                    raise unprepared(execute.id)
                self._run(frame, plan, execute.parameters, frames.short_bytes(execute.id))
            case Opcode.BATCH:
                self._batch(frame, Batch.decode(frame.body))

    def _query(self, frame: Frame, query: Query) -> None:
        statement = plans.parse(query.text)
        match statement:
            case cql.Use():
                self._use(frame, statement.keyspace)
            case cql.Select() | cql.Insert() | cql.Update() | cql.Delete() | cql.Batch() | cql.Unsupported():
                plan = self._gate.plan(query.text, self._keyspace)
                self._run(frame, plan, query.parameters, frames.long_string(plan.text))
            case _:
                self._later(frame, self._change_schema(frame, statement))

    def _prepare(self, frame: Frame, prepare: Prepare) -> None:
        plan = self._gate.plan(prepare.text, self._keyspace)

        def on_result(body: bytes) -> bytes:
            id_ = results.prepared_id(body)
            if id_ is not None:
                self._server.prepared.add(id_, plan)
            return results.rename_tables(body, system_tables.public_name) if plan.reads_system else body

        self._forward(frame, frames.long_string(plan.text), on_result)

    def _run(self, frame: Frame, plan: Plan, parameters: Parameters, head: bytes) -> None:
        """head: what stands before the parameters."""
        self._gate.admit(plan, parameters.values, parameters.consistency, size=len(frame.body))
        self._suffer(write_type=plan.write_type, consistency=parameters.consistency)
        encoded, change = self._page(plan, parameters)
        self._forward(frame, head + encoded, change)

    def _batch(self, frame: Frame, batch: Batch) -> None:
        items, texts = [], []
        for item in batch.items:
            if isinstance(item.query, bytes):
                plan = self._server.prepared.find(item.query)
            else:
                plan = self._gate.plan(item.query, self._keyspace)
            items.append((plan, item.values))
            texts.append(plan.text)
        self._gate.admit_batch(batch.kind, items, batch.consistency, size=len(frame.body))
        self._suffer(write_type=plans.BATCH_WRITE_TYPES[batch.kind], consistency=batch.consistency)
        self._forward(frame, batch.encode(texts), None)

    def _use(self, frame: Frame, keyspace: str) -> None:
        self._server.schema.catalog.require_keyspace(keyspace)
        self._keyspace = keyspace
        self._reply(frame.reply(Opcode.RESULT, results.set_keyspace(keyspace)))

    async def _change_schema(self, frame: Frame, statement: ddl.Change) -> None:
        try:
            body = await ddl.run(
                statement, keyspace=self._keyspace, principal=self._principal, schema=self._server.schema
            )
        except Refused as error:
            self._refuse(frame, error)
        else:
            self._reply(frame.reply(Opcode.RESULT, body))

    # -- faults

    def _suffer(self, *, write_type: str | None, consistency: str) -> None:
        """Raises Refused for a statement that is throttled, ConnectionAbortedError for a connection that is dropped."""
        if self._faults.drops():
            raise ConnectionAbortedError("dropped on demand")
        if self._faults.throttles(write=write_type is not None) or self._exceeds(self._faults.rate_limit):
            raise throttled(write_type=write_type, consistency=consistency)

    def _exceeds(self, rate_limit: int) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return 0 < rate_limit < self._in_second

    def _page(self, plan: Plan, parameters: Parameters) -> tuple[bytes, Change | None]:
        """The parameters with the page to ask Cassandra for, and what is to be done to the answer."""
        change: Change | None = None
        if plan.reads_system:

            def change(body: bytes) -> bytes:
                return results.rename_tables(body, system_tables.public_name)

        state = parameters.paging_state
        faults = self._faults
        if parameters.page_size is None or not (faults.page_rows or faults.empty_pages or _is_after_empty(state)):
            return parameters.encoded, change
        size = parameters.page_size if parameters.page_size > 0 else _DEFAULT_PAGE
        if faults.page_rows:
            size = min(size, faults.page_rows)
        if _is_after_empty(state):
            assert state is not None
            return parameters.with_page(size, state.removeprefix(_AFTER_EMPTY) or None), change
        if not faults.empty_pages:
            return parameters.with_page(size, state), change
        rename = change or (lambda body: body)
        return parameters.with_page(1, state), lambda body: results.empty_page(
            rename(body), _AFTER_EMPTY + (state or b"")
        )

    # -- to Cassandra, and back

    def _forward(self, frame: Frame, body: bytes, change: Change | None) -> None:
        request = frame.with_body(body).encode()
        self._waiting[frame.stream] = change
        latency = self._faults.latency
        if latency:
            self._later(frame, self._write_later(request, latency), change)
        else:
            self._outgoing.append(request)

    async def _write_later(self, request: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._upstream.write(request)

    def _later(self, frame: Frame, work: Awaitable[None], change: Change | None = None) -> None:
        self._waiting[frame.stream] = change

        async def run() -> None:
            try:
                await work
            except Exception:
                _log.exception("a request could not be handled")
                self._reply(frame.reply_error(ErrorCode.SERVER_ERROR, "the local endpoint failed; its log says why"))

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_responses(self, reader: asyncio.StreamReader) -> None:
        """As they come; held as a whole is only what is to be changed, or small."""
        data = bytearray()
        while chunk := await reader.read(_CHUNK):
            data += chunk
            ready, at = [], 0
            while len(data) - at >= frames.HEADER_SIZE:
                header = Header.decode(data, at)
                end = at + frames.HEADER_SIZE + header.length
                if end > len(data):
                    if header.length > _CHUNK and self._waiting.get(header.stream) is None:
                        self._waiting.pop(header.stream, None)
                        ready.append(bytes(data[at:]))
                        self._writer.writelines(ready)
                        await self._pass_rest(reader, end - len(data))
                        ready, at = [], len(data)
                    break
                change = self._waiting.pop(header.stream, None)
                if change is not None and header.opcode == Opcode.RESULT:
                    body = change(_plain(header, bytes(data[at + frames.HEADER_SIZE : end])))
                    response = Frame(version=header.version, stream=header.stream, opcode=Opcode.RESULT, body=body)
                    ready.append(response.encode())
                else:
                    ready.append(bytes(data[at:end]))
                at = end
            del data[:at]
            # At once: each write is a record of TLS, and a packet.
            self._writer.write(b"".join(ready))
            await self._writer.drain()

    async def _pass_rest(self, reader: asyncio.StreamReader, length: int) -> None:
        self._held = []
        while length:
            await self._writer.drain()
            chunk = await reader.read(min(length, _CHUNK))
            if not chunk:
                raise asyncio.IncompleteReadError(b"", length)
            length -= len(chunk)
            self._writer.write(chunk)
        held, self._held = self._held, None
        self._writer.writelines(held)

    def _reply(self, frame: Frame) -> None:
        self._waiting.pop(frame.stream, None)
        if self._held is None:
            self._writer.write(frame.encode())
        else:
            self._held.append(frame.encode())

    def _refuse(self, frame: Frame, error: Refused) -> None:
        if error.code != ErrorCode.UNPREPARED:
            _log.info("refused to %s: %s", self._principal.arn, error.message)
        self._reply(frame.reply_error(error.code, error.message, error.details))

    async def _send(self, frame: Frame) -> None:
        self._writer.write(frame.encode())
        await self._writer.drain()


def _is_after_empty(state: bytes | None) -> bool:
    return state is not None and state.startswith(_AFTER_EMPTY)


def _plain(header: Header, body: bytes) -> bytes:
    """Without compression, and without Cassandra's warnings, which are not Keyspaces'."""
    if header.flags & frames.COMPRESSED:
        body = frames.decompress(body, _LARGEST)
    if header.flags & frames.WARNING:
        reader = Reader(body)
        reader.string_list()
        body = reader.rest()
    return body


async def _first_to_end(*works: Awaitable[None]) -> None:
    """Runs them until one ends, and raises what that raises."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
