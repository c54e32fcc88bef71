"""A service's program, from its start to its end."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Sequence
from typing import Final

import uvloop
from cassandra.cluster import Session

from keyspaces.database import Database
from keyspaces.session import Unreachable, open_session_on_loop
from keyspaces.statements import Observer
from keyspaces.target import Target, UnknownTable
from keyspaces.writes import Batches
from service.application import create_app
from service.documentation import About
from service.health import Health
from service.http.server import CannotListen, DrainingServer, on_stop_signals
from service.logs import lines_dropped, log_to
from service.metrics import EmfMetrics, NoMetrics
from service.options import Options, read_options
from service.output import Output
from service.routes import Route
from service.schema_watch import SchemaWatch
from service.tables import Tables

SCHEMA_CHANGED: Final = 3
"""Exit code of a task that ends because the columns of a table have changed."""

Routes = Callable[[Tables], Sequence[Route]]


def run(routes: Routes, *, name: str, title: str, version: str, about: str) -> int:
    """Serves the routes until SIGTERM or SIGINT; listens after the first read of the tables. Returns the exit code.

    routes: opens its tables and returns the routes; it runs in a separate thread and may block. name: of the service,
    in front of errors. title, version, about: for the service's documents.
    """
    target, options = read_options(name, title)
    try:
        return uvloop.run(_serve(routes, About(title=title, version=version, about=about), target, options))
    except (Unreachable, CannotListen) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except UnknownTable as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2  # as for other missing variables
    except asyncio.CancelledError:  # stopped before it served
        return 0


async def _serve(routes: Routes, about: About, target: Target, options: Options) -> int:
    opening = asyncio.current_task()
    assert opening is not None
    on_stop_signals(opening.cancel)  # until the server replaces the handlers
    output, health = Output(sys.stdout.fileno(), on_dropped=lines_dropped), Health()
    log_to(output)
    watch = SchemaWatch(options.schema_change)
    with contextlib.ExitStack() as stack:
        stack.enter_context(output.on_running_loop())
        metrics: EmfMetrics | NoMetrics = NoMetrics()
        if options.metrics_namespace:
            metrics = EmfMetrics(options.metrics_namespace, write=output.write)
            stack.enter_context(metrics.emitting())

        observers: list[Observer] = [metrics.statement]
        trace = None
        if options.traces is not None:
            # OpenTelemetry is imported only for tracing, since it takes memory and time to import.
            from service.tracing import traced

            tracing = stack.enter_context(traced(options.traces, region=target.region))
            trace = tracing.requests
            observers.append(tracing.statement)
        observe = observers[0] if len(observers) == 1 else _all(observers)

        def first_use(session: Session) -> Sequence[Route]:
            def access(name: str) -> Database:
                table = target.table(name)
                return Database(session, table, observe=observe, on_more_columns=watch.more_columns)

            return routes(Tables(access, Batches(session, observe=observe), options, watch))

        opened = open_session_on_loop(target, startup_timeout=options.startup_timeout, first_use=first_use)
        async with opened as (_, made):
            app = create_app(
                made, about=about, options=options, health=health, metrics=metrics, write=output.write, trace=trace
            )
            _collect_seldom()
            server = DrainingServer(app, options, health)
            watch.on_change(server.begin_to_stop)
            await server.serve()
    return SCHEMA_CHANGED if watch.has_changed else 0


def _all(observers: Sequence[Observer]) -> Observer:
    def observe(cql: Sequence[str], outcome: str, seconds: float) -> None:
        for each in observers:
            each(cql, outcome, seconds)

    return observe


def _collect_seldom() -> None:
    """Makes garbage collections rare: a successful request leaves no reference cycles, so most would find nothing."""
    gc.freeze()  # objects from the start are never garbage
    gc.set_threshold(50_000, 20, 100)
