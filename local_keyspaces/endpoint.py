"""The endpoint: listens with TLS and serves each connection."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local_keyspaces.connection import Server, serve_client
from local_keyspaces.frames import ProtocolError
from local_keyspaces.sign_in import SignInRefused

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(server: Server, *, listener: socket.socket, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Serves clients on a listening socket, and closes the socket at the end."""
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
            if server.witness is not None:
                server.witness.setting(error.rule, str(error))
        except ProtocolError as error:
            _log.info("ended a connection: %s", error)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            _log.debug("connection ended: %r", error)
        except asyncio.CancelledError:
            # Only `serve` cancels this task, when it ends; asyncio would report a cancelled handler as an error.
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(on_connect, sock=listener, ssl=tls)
    try:
        yield
    finally:
        listening.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
