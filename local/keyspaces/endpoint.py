"""The endpoint: TLS, sign-in with SigV4, then whatever client and Cassandra have to say to each other."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from local.keyspaces import frames, sigv4
from local.keyspaces.credentials import Credentials, CredentialStore
from local.keyspaces.frames import ErrorCode, Frame, Opcode, ProtocolError

_log = logging.getLogger(__name__)

# The class real clients are told, and some insist on; seen in apache/cassandra-gocql-driver, pull request 1379.
_AUTHENTICATOR = "com.amazon.helenus.auth.HelenusAuthenticator"
_SIGN_IN_SECONDS = 10.0
_CHUNK = 64 * 1024


@asynccontextmanager
async def serve(
    *, port: int, tls: ssl.SSLContext, region: str, store: CredentialStore, cassandra: tuple[str, int]
) -> AsyncIterator[int]:
    """Serves on 127.0.0.1; yields the port, which is a free one if `port` is 0."""
    connections: set[asyncio.Task[None]] = set()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        try:
            await _Connection(reader, writer, region, store, cassandra).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError) as error:
            _log.debug("connection ended: %r", error)
        finally:
            writer.close()

    server = await asyncio.start_server(on_connect, "127.0.0.1", port, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


class _Connection:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        region: str,
        store: CredentialStore,
        cassandra: tuple[str, int],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._region = region
        self._store = store
        self._cassandra = cassandra

    async def run(self) -> None:
        async with asyncio.timeout(_SIGN_IN_SECONDS):
            signed_in = await self._sign_in()
        if signed_in is None:
            return
        request, startup, principal = signed_in
        _log.info("%s signed in", principal.principal)
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._cassandra)
        try:
            upstream_writer.write(startup.encode())
            ready = await frames.read_frame(upstream_reader)
            if ready.opcode != Opcode.READY:
                self._writer.write(ready.encode())
                await self._writer.drain()
                return
            await self._send(request.reply(Opcode.AUTH_SUCCESS, frames.encode_bytes(None)))
            await _pass_through((self._reader, upstream_writer), (upstream_reader, self._writer))
        finally:
            upstream_writer.close()

    async def _sign_in(self) -> tuple[Frame, Frame, Credentials] | None:
        """The last request, the STARTUP it followed, and who signed; None once the client has been refused."""
        startup: Frame | None = None
        nonce: bytes | None = None
        while True:
            try:
                request = await frames.read_frame(self._reader)
            except ProtocolError as error:
                _log.info("refused: %s", error)
                return None
            try:
                if request.version != frames.VERSION:
                    raise ProtocolError(
                        f"Invalid or unsupported protocol version ({request.version & 0x7F});"
                        f" supported versions are (4/v4)"
                    )
                match request.opcode, startup, nonce:
                    case Opcode.OPTIONS, _, _:
                        await self._send(request.reply(Opcode.SUPPORTED, _SUPPORTED))
                    case Opcode.STARTUP, None, _:
                        if "COMPRESSION" in frames.decode_string_map(request.body):
                            raise ProtocolError("compression is not supported")
                        startup = request
                        await self._send(request.reply(Opcode.AUTHENTICATE, frames.authenticate(_AUTHENTICATOR)))
                    case Opcode.AUTH_RESPONSE, Frame(), None:
                        if frames.decode_bytes(request.body) != sigv4.FIRST_TOKEN:
                            raise sigv4.BadCredentials("Only SigV4 authentication is supported here")
                        nonce = sigv4.new_nonce()
                        await self._send(
                            request.reply(Opcode.AUTH_CHALLENGE, frames.encode_bytes(sigv4.challenge(nonce)))
                        )
                    case Opcode.AUTH_RESPONSE, Frame(), bytes():
                        principal = sigv4.verify(
                            frames.decode_bytes(request.body), nonce, region=self._region, store=self._store
                        )
                        return request, startup, principal
                    case _:
                        raise ProtocolError("Unexpected message: sign in first, with STARTUP and AUTH_RESPONSE")
            except sigv4.BadCredentials as error:
                await self._send(request.reply_error(ErrorCode.BAD_CREDENTIALS, str(error)))
                return None
            except ProtocolError as error:
                await self._send(request.reply_error(ErrorCode.PROTOCOL_ERROR, str(error)))
                return None

    async def _send(self, frame: Frame) -> None:
        self._writer.write(frame.encode())
        await self._writer.drain()


_SUPPORTED = frames.supported({"CQL_VERSION": ["3.4.4"], "COMPRESSION": [], "PROTOCOL_VERSIONS": ["4/v4"]})


async def _pass_through(*directions: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Copies both ways until one side ends."""
    copies = {asyncio.create_task(_copy(reader, writer)) for reader, writer in directions}
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
