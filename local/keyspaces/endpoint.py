"""The endpoint: listens with TLS and serves each connection."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local.keyspaces.connection import Server, serve_client
from local.keyspaces.frames import ProtocolError
from local.keyspaces.sign_in import SignInRefused

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(server: Server, *, port: int, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """Serves on 127.0.0.1; yields the port, a free one if `port` is 0. Raises OSError where it cannot listen."""
    connections: set[asyncio.Task[None]] = set()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        try:
            await serve_client(reader, writer, server)
        except SignInRefused as error:
            _log.info("refused a sign-in: %s", error)
        except ProtocolError as error:
            _log.info("ended a connection: %s", error)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            _log.debug("connection ended: %r", error)
        except asyncio.CancelledError:
            # Only `serve` cancels it, when it ends; asyncio would report a cancelled handler as an error.
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(on_connect, "127.0.0.1", port, ssl=tls)
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
