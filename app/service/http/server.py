"""Serves an application until SIGTERM or SIGINT, and loses no request then.

ECS takes a task from its load balancer before it sends SIGTERM, but not when Spot takes the task back or somebody
stops it: then requests keep coming for a while. So the server first says that it is not ready and goes on serving, but
ends each connection with the answer it gives there; then it closes its listener, finishes what is in flight, and
returns. A second signal ends the first part at once.
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

KEEP_ALIVE = 75  # seconds; more than the 60 s a load balancer keeps an idle connection, else it would meet closed ones
FINISH = 20  # seconds for requests in flight once nothing more is taken; with `drain`, within the stop timeout
ARRIVE = 0.5  # seconds for requests on their way on connections that were accepted last
_BACKLOG = 2048  # connections that wait to be accepted
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger(__name__)


class CannotListen(Exception):
    """The address is taken, or none of this machine's; the message says which, and why."""


def on_stop_signals(act: Callable[[], object]) -> None:
    """Replaces what they did before."""
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
        """uvicorn's own would close the listener at once, and end the process by the signal instead of with 0."""
        on_stop_signals(self.begin_to_stop)
        yield

    async def startup(self, sockets: object = None) -> None:
        """Raises CannotListen."""
        await super().startup([_listener(self.config.host, self.config.port)])
        self._health.ready = True
        _log.info("listening on %s:%d", self.config.host, self.config.port)

    def begin_to_stop(self) -> None:
        """Drains; called again, it does not wait for the rest of the draining time."""
        if not self._health.ready:  # asked again
            self.should_exit = True
            return
        self._health.ready = False
        # uvicorn takes the headers of all responses from the first of these, and renews it each second from the other.
        close = (b"connection", b"close")
        self.server_state.default_headers = [*self.server_state.default_headers, close]
        self.config.encoded_headers.append(close)
        asyncio.get_running_loop().call_later(self._drain, self._close_listener)

    def _close_listener(self) -> None:
        for server in self.servers:
            server.close()
        # uvicorn would close idle connections in the same moment, among them those that have just been opened.
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
