"""One client's connection: checks each request, and passes it on to Cassandra or answers it here.

Each client has its own connection to Cassandra, so that clients never share stream ids or pages.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from local_keyspaces import cql, ddl, frames, plans, results, sign_in, system_tables
from local_keyspaces.awaited import Awaited
from local_keyspaces.cassandra_session import Upstream
from local_keyspaces.consumption import Consumption
from local_keyspaces.credentials import CredentialStore
from local_keyspaces.fault_injector import FaultInjector
from local_keyspaces.faults import FaultsFile
from local_keyspaces.frames import ErrorCode, Frame, FrameBuffer, Opcode, ProtocolError, Reader
from local_keyspaces.gate import Gate
from local_keyspaces.iam import Principal
from local_keyspaces.link import Link
from local_keyspaces.meter import Meter
from local_keyspaces.plans import BoundPlan, Plan
from local_keyspaces.prepared import Prepared
from local_keyspaces.refusals import Refused, unauthorized
from local_keyspaces.relay import Relay
from local_keyspaces.requests import Batch, Execute, Parameters, Prepare, Query
from local_keyspaces.schema import Schema
from local_keyspaces.statement_log import LoggedStatement, Stage, StatementLog
from local_keyspaces.throttling import ConnectionThrottle, Throttling
from local_keyspaces.witness import ConnectionWitness, Witness

_log = logging.getLogger(__name__)

_SIGN_IN_SECONDS = 30.0
_EVENTS = {"TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """The parts that all connections share. cassandra: the Cassandra behind the endpoint."""

    region: str
    store: CredentialStore
    schema: Schema
    faults: FaultsFile
    cassandra: Upstream
    prepared: Prepared = field(default_factory=Prepared)
    meter: Meter = field(default_factory=Meter)
    statements: StatementLog = field(default_factory=StatementLog)
    throttling: Throttling | None = None
    """None if capacity is not enforced."""
    witness: Witness | None = None
    """None without a verdict."""


async def serve_client(client: Link, server: Server) -> None:
    """Serves a client until either side ends. Raises SignInRefused, ProtocolError, TimeoutError, EOFError, OSError."""
    buffer = FrameBuffer(sign_in.LARGEST_BEFORE)
    async with asyncio.timeout(_SIGN_IN_SECONDS):
        signed_in = await sign_in.sign_in(
            client,
            buffer,
            region=server.region,
            store=server.store,
            all_expired=server.faults.current().expired_credentials,
        )
    principal = signed_in.principal
    if not principal.has_any("cassandra"):
        error = unauthorized(f"User {principal.arn} has no permissions.")
        client.send(signed_in.request.reply_error(error.code, error.message).encode())
        await client.drain()
        raise sign_in.SignInRefused(error.message)
    relay = await Relay.open(client, server.cassandra, compressed="COMPRESSION" in signed_in.options)
    try:
        _log.info("%s signed in", principal.arn)
        relay.reply(signed_in.request.reply(Opcode.AUTH_SUCCESS, frames.bytes_(None)))
        buffer.largest = frames.LARGEST
        requests = _Requests(relay, server, principal, buffer)
        requests.receive(b"")  # the requests that arrived with the sign-in
        await relay.run(requests.receive)
    finally:
        await relay.close()


class _Requests:
    """The requests of one client, signed in as `principal`."""

    def __init__(self, relay: Relay, server: Server, principal: Principal, buffer: FrameBuffer) -> None:
        self._relay = relay
        self._buffer = buffer
        self._server = server
        self._principal = principal
        self._gate = Gate(principal, server.schema.catalog)
        self._injector = FaultInjector(server.faults.current())
        throttle = ConnectionThrottle(server.throttling) if server.throttling is not None else None
        catalog = server.schema.catalog
        self._consumption = Consumption(server.meter, principal.name, catalog.tables, catalog.types, throttle)
        self._keyspace: str | None = None
        self._witness = ConnectionWitness(server.witness, principal.name) if server.witness is not None else None
        self._logged: LoggedStatement | None = None
        """The present statement; None for other requests, and for reads of system tables."""

    def receive(self, chunk: bytes) -> None:
        """Handles each complete request. Raises ProtocolError if the rest of the stream is unreadable."""
        self._injector.faults = self._server.faults.current()
        buffer = self._buffer
        buffer.feed(chunk)
        while (frame := buffer.next()) is not None:
            sign_in.check_version(frame)
            if frame.stream < 0 or self._relay.is_used(frame.stream):
                raise ProtocolError(f"stream {frame.stream} cannot be used now")
            if self._witness is not None:
                self._witness.request()
            self._handle(frame)
        self._relay.flush()

    def _handle(self, frame: Frame) -> None:
        self._logged = None
        try:
            match frame.opcode:  # the most frequent first
                case Opcode.EXECUTE:
                    self._execute(frame, Execute.decode(frame.body))
                case Opcode.QUERY:
                    self._query(frame, Query.decode(frame.body))
                case Opcode.BATCH:
                    self._batch(frame, Batch.decode(frame.body))
                case Opcode.PREPARE:
                    self._prepare(frame, Prepare.decode(frame.body))
                case Opcode.OPTIONS:
                    self._relay.reply(sign_in.supported(frame))
                case Opcode.REGISTER:
                    self._register(frame)
                case _:
                    raise ProtocolError(f"Unexpected message 0x{frame.opcode:02X}")
        except Refused as error:
            if self._logged is not None and not (error.usual and self._logged.stage == "rule"):
                self._logged.refused(error)
                self._keep(self._logged, fault=self._logged.stage == "fault")
            self._refuse(frame, error)
        except ProtocolError as error:
            self._relay.reply(frame.reply_error(ErrorCode.PROTOCOL_ERROR, str(error)))
        except ConnectionAbortedError as error:
            if self._logged is not None:
                self._keep(self._logged, fault=True)
                self._logged.ended(f"the connection was {error}")
            raise
        except Exception:
            self._fail(frame)

    def _register(self, frame: Frame) -> None:
        reader = Reader(frame.body)
        events = reader.string_list()
        reader.end()
        if not set(events) <= _EVENTS:
            raise ProtocolError(f"unknown events {sorted(set(events) - _EVENTS)}")
        self._relay.reply(frame.reply(Opcode.READY))

    def _query(self, frame: Frame, query: Query) -> None:
        self._begin(frame, query.text)
        match self._gate.read(query.text, self._keyspace):
            case Plan() as plan:
                head = frames.long_string(plan.text) if plan.text != query.text else None
                self._run(frame, plan, query.parameters, head=head)
            case cql.Use() as use:
                self._use(frame, use.keyspace)
            case change:
                logged = self._begin(frame, query.text)
                logged.stage = "fault"
                self._injector.drop()
                self._keep(logged)
                work = self._change_schema(frame, change, self._keyspace, logged)
                self._relay.answer_later(frame.stream, work)

    def _prepare(self, frame: Frame, prepare: Prepare) -> None:
        self._begin(frame, prepare.text)  # kept if it is refused
        plan = self._gate.plan(prepare.text, self._keyspace)
        self._read(plan)
        self._gate.authorize(plan)

        def remember(body: bytes) -> bytes:
            id_ = results.prepared_id(body)
            if id_ is not None:
                self._server.prepared.add(id_, plan, results.prepared_names(body) if plan.reads else ())
            return _with_public_names(body) if plan.reads_system else body

        self._injector.drop()
        awaited = Awaited(result=remember, error=_with_public_message if plan.reads_system else None)
        self._forward(frame.with_body(frames.long_string(plan.text)), awaited)

    def _execute(self, frame: Frame, execute: Execute) -> None:
        plan = self._find(execute.id)
        self._begin(frame, plan.text)
        names = self._server.prepared.names(execute.id) if plan.reads else ()
        self._run(frame, plan, execute.parameters, names)

    def _run(
        self,
        frame: Frame,
        plan: Plan,
        parameters: Parameters,
        names: tuple[str, ...] = (),
        *,
        head: bytes | None = None,
    ) -> None:
        """names: of a prepared statement's result columns. head: the bytes that Cassandra gets before the parameters;
        None for the client's own.
        """
        logged = self._read(plan, parameters.consistency)
        self._gate.admit(plan, parameters.values, parameters.consistency, size=len(frame.body))
        self._reached("fault")
        self._injector.strike(
            write_type=plan.write_type, consistency=parameters.consistency, of_system=plan.reads_system
        )
        self._reached("capacity")
        encoded = parameters.encoded
        awaited = _OF_SYSTEM
        if not plan.reads:
            written = [BoundPlan(plan, parameters.values, len(frame.body))]
            observe = self._consumption.of_write(written, kind=plan.batch)
            awaited = Awaited(observe=observe, logged=logged)
        elif not plan.reads_system:
            awaited = Awaited(observe=self._consumption.of_read(plan, parameters, names), logged=logged)
            if logged is not None:
                logged.scans = self._consumption.scans(plan)
        if plan.reads:  # a conditional write must not be fetched again, page by page
            encoded, result = self._injector.page(parameters, awaited.result)
            awaited = replace(awaited, result=result) if result is not awaited.result else awaited
            if logged is not None and encoded is not parameters.encoded:
                logged.faults += ("empty_pages" if result is not None else "page_rows",)
        if head is not None or encoded is not parameters.encoded:
            start = head if head is not None else frame.body.removesuffix(parameters.encoded)
            frame = frame.with_body(start + encoded)
        self._forward(frame, awaited)

    def _batch(self, frame: Frame, batch: Batch) -> None:
        chosen = [
            self._find(item.query) if isinstance(item.query, bytes) else self._gate.plan(item.query, self._keyspace)
            for item in batch.items
        ]
        items = [
            BoundPlan(plan, item.values, len(item.encoded_values))
            for plan, item in zip(chosen, batch.items, strict=True)
        ]
        logged = self._begin(frame, f"{batch.kind} batch: " + "; ".join(plan.text for plan in chosen))
        logged.consistency = batch.consistency
        logged.accesses = frozenset().union(*(plan.accesses for plan in chosen))
        self._gate.admit_batch(batch.kind, items, batch.consistency, size=len(frame.body))
        self._reached("fault")
        self._injector.strike(write_type=plans.BATCH_WRITE_TYPES[batch.kind], consistency=batch.consistency)
        self._reached("capacity")
        if any(plan.text != item.query for plan, item in zip(chosen, batch.items, strict=True) if item.is_text):
            frame = frame.with_body(batch.encode([plan.text for plan in chosen]))
        self._forward(frame, Awaited(observe=self._consumption.of_write(items, kind=batch.kind), logged=logged))

    def _begin(self, frame: Frame, text: str) -> LoggedStatement:
        self._logged = LoggedStatement(principal=self._principal, request_id=frame.request_id, text=text)
        return self._logged

    def _read(self, plan: Plan, consistency: str = "") -> LoggedStatement | None:
        """Adds the plan to the logged statement, and returns it."""
        if plan.reads_system:  # drivers read system tables at each start
            self._logged = None
        elif self._logged is not None:
            self._logged.text, self._logged.accesses, self._logged.consistency = plan.text, plan.accesses, consistency
        return self._logged

    def _reached(self, stage: Stage) -> None:
        if self._logged is not None:
            self._logged.stage = stage

    def _keep(self, logged: LoggedStatement, *, fault: bool = False) -> None:
        """fault: the injector's last fault hit this statement."""
        if fault:
            logged.faults += (self._injector.struck,)
        self._server.statements.keep(logged)

    def _forward(self, request: Frame, awaited: Awaited) -> None:
        delay = self._injector.faults.latency
        if awaited.logged is not None:
            awaited.logged.stage = "Cassandra"
            if delay:
                awaited.logged.delay = delay
                awaited.logged.faults += ("latency",)
            self._keep(awaited.logged)
        self._relay.forward(request, awaited, delay=delay)

    def _find(self, id_: bytes) -> Plan:
        return self._server.prepared.find(id_, shows_peers=self._gate.shows_peers)

    def _use(self, frame: Frame, keyspace: str) -> None:
        self._server.schema.catalog.require_keyspace(keyspace)
        self._keyspace = keyspace
        self._relay.reply(frame.reply(Opcode.RESULT, results.set_keyspace(keyspace)))

    async def _change_schema(
        self, frame: Frame, statement: plans.Change, keyspace: str | None, logged: LoggedStatement
    ) -> None:
        await asyncio.sleep(self._injector.faults.latency)
        try:
            body = await ddl.run(statement, keyspace=keyspace, principal=self._principal, schema=self._server.schema)
        except Refused as error:
            logged.stage = "rule"
            logged.refused(error)
            self._refuse(frame, error)
        except Exception:
            logged.ended("the local endpoint failed")
            self._fail(frame)
        else:
            logged.ended()
            self._relay.reply(frame.reply(Opcode.RESULT, body))

    def _refuse(self, frame: Frame, error: Refused) -> None:
        if not error.usual:
            _log.info("refused to %s: %s", self._principal.arn, error.message)
            if self._witness is not None:
                self._witness.refused(self._texts(frame), error)
        self._relay.reply(frame.reply_error(error.code, error.message, error.details))

    def _texts(self, frame: Frame) -> Sequence[str]:
        """The statements of a request that was refused."""
        match frame.opcode:
            case Opcode.QUERY:
                return [Query.decode(frame.body).text]
            case Opcode.PREPARE:
                return [Prepare.decode(frame.body).text]
            case Opcode.EXECUTE:
                return [self._find(Execute.decode(frame.body).id).text]
            case Opcode.BATCH:
                queries = [item.query for item in Batch.decode(frame.body).items]
                return [self._find(each).text if isinstance(each, bytes) else each for each in queries]
        return []

    def _fail(self, frame: Frame) -> None:
        _log.exception("a request could not be handled")
        self._relay.reply(
            frame.reply_error(ErrorCode.SERVER_ERROR, "the local endpoint failed; its log has the reason")
        )


def _with_public_names(body: bytes) -> bytes:
    return results.rename_tables(body, system_tables.public_name)


def _with_public_message(body: bytes) -> bytes:
    return frames.change_message(body, system_tables.with_public_names)


_OF_SYSTEM = Awaited(result=_with_public_names, error=_with_public_message)
