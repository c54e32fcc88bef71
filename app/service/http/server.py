"""Serves an application until SIGTERM or SIGINT, then shuts down without losing a request.

ECS deregisters a task from its load balancer before it sends SIGTERM, but not when Spot interrupts the task or somebody
stops it: then requests keep coming for a while. So the server first drains: it reports that it is not ready, goes on
serving, and closes each connection after its next answer. Then it closes its listener, finishes the requests in flight,
and returns. A second signal ends the draining at once.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from service.health import Health
from service.http.protocol import LimitedProtocol
from service.options import Options

KEEP_ALIVE = 75  # seconds; longer than the load balancer's 60 s, so that it never sends on a connection closed here
FINISH = 20  # seconds for requests in flight once the listener is closed; with `drain`, within ECS's stop timeout
ARRIVE = 0.5  # seconds for the requests that are in transit on the last accepted connections
_BACKLOG = 2048  # connections that wait to be accepted
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger(__name__)


class CannotListen(Exception):
    """The address is in use, or is not an address of this machine; the message names the address and the reason."""


def on_stop_signals(act: Callable[[], object]) -> None:
    """Replaces the handlers of SIGTERM and SIGINT."""
    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, act)


class DrainingServer(uvicorn.Server):
    def __init__(self, app: ASGIApp, options: Options, health: Health) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=options.host,
                port=options.port,
                http=LimitedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(options.trusted_proxies),
                forwarded_allow_ips=list(options.trusted_proxies),
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=FINISH,
            )
        )
        self._health = health
        self._drain = options.drain

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replaces uvicorn's handlers, which close the listener at once and end the process by the signal."""
        on_stop_signals(self.begin_to_stop)
        yield

    async def startup(self, sockets: object = None) -> None:
        """Raises CannotListen."""
        await super().startup([_listener(self.config.host, self.config.port)])
        self._health.ready = True
        _log.info("listening on %s:%d", self.config.host, self.config.port)

    def begin_to_stop(self) -> None:
        """Starts to drain; a second call ends the draining at once."""
        if not self._health.ready:  # the second call
            self.should_exit = True
            return
        self._health.ready = False
        # uvicorn takes the default headers from the first list, and rebuilds this list from the second every second.
        close = (b"connection", b"close")
        self.server_state.default_headers = [*self.server_state.default_headers, close]
        self.config.encoded_headers.append(close)
        asyncio.get_running_loop().call_later(self._drain, self._close_listener)

    def _close_listener(self) -> None:
        for server in self.servers:
            server.close()
        # uvicorn's shutdown closes idle connections at once, also new ones whose first request is in transit.
        asyncio.get_running_loop().call_later(ARRIVE, self._close)

    def _close(self) -> None:
        self.should_exit = True


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise CannotListen(f"cannot listen on {host}:{port}: {reason}") from error
