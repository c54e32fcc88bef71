"""The endpoint: listens with TLS and serves each connection."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local_keyspaces.connection import Server, serve_client
from local_keyspaces.frames import ProtocolError
from local_keyspaces.link import Link
from local_keyspaces.sign_in import SignInRefused

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(server: Server, *, listener: socket.socket, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Serves clients on a listening socket, and closes the socket at the end."""
    connections: set[asyncio.Task[None]] = set()

    def on_connect(client: Link) -> None:
        task = asyncio.create_task(_serve(client, server))
        connections.add(task)
        task.add_done_callback(connections.discard)

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Link(on_connect), sock=listener, ssl=tls)
    try:
        yield
    finally:
        listening.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _serve(client: Link, server: Server) -> None:
    try:
        await serve_client(client, server)
    except SignInRefused as error:
        _log.info("refused a sign-in: %s", error)
        if server.witness is not None:
            server.witness.setting(error.rule, str(error))
    except ProtocolError as error:
        _log.info("ended a connection: %s", error)
    except (OSError, EOFError, TimeoutError) as error:
        _log.debug("connection ended: %r", error)
    except Exception:
        _log.exception("a connection ended by a defect of the endpoint")
    finally:
        client.flush()
        client.close()
