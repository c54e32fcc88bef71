"""Serves an application until SIGTERM or SIGINT, and loses no request then.

ECS takes a task from its load balancer before it sends SIGTERM, but not when Spot takes the task back or somebody
stops it: then requests keep coming for a while. So the server first says that it is not ready and goes on serving, then
closes its listener, finishes what is in flight, and returns.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from query_api.health import Health
from query_api.options import Options
from query_api.protocol import LimitedProtocol

KEEP_ALIVE = 75  # seconds; more than the 60 s a load balancer keeps an idle connection, else it would meet closed ones
FINISH = 20  # seconds for requests in flight once the listener is closed; with `drain`, within the stop timeout


class Server(uvicorn.Server):
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
        loop = asyncio.get_running_loop()
        stop_signals = (signal.SIGTERM, signal.SIGINT)
        for number in stop_signals:
            loop.add_signal_handler(number, self._begin_to_stop)
        try:
            yield
        finally:
            for number in stop_signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        self._health.ready = True

    def _begin_to_stop(self) -> None:
        if not self._health.ready:  # asked again
            self.should_exit = True
            return
        self._health.ready = False
        asyncio.get_running_loop().call_later(self._drain, self._close)

    def _close(self) -> None:
        self.should_exit = True
