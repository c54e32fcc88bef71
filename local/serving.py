"""An aiohttp application on a socket of this machine."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


@asynccontextmanager
async def serve_on(listener: socket.socket, app: web.Application, **options: Any) -> AsyncIterator[None]:
    """Serves until the block ends, and then closes the socket. options: for aiohttp's server."""
    runner = web.AppRunner(app, access_log=None, **options)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
