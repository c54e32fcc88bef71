"""Serves the API: `python -m query_api`. Listens only once the table could be read."""

import asyncio
import contextlib
import gc
import sys

import uvloop

from keyspaces.session import Unreachable
from keyspaces.target import Target
from query_api.app import create_app
from query_api.countries import open_countries
from query_api.health import Health
from query_api.logs import lines_dropped, log_to
from query_api.metrics import EmfMetrics, NoMetrics
from query_api.options import Options, read_options
from query_api.output import Output
from query_api.server import CannotListen, Server, on_stop_signals


def main() -> int:
    target, options = read_options()
    try:
        uvloop.run(serve(target, options))
    except (Unreachable, CannotListen) as error:
        print(f"query-api: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:  # told to stop before it served
        return 0
    return 0


async def serve(target: Target, options: Options) -> None:
    opening = asyncio.current_task()
    assert opening is not None
    on_stop_signals(opening.cancel)  # until the server has them
    output, health = Output(sys.stdout.fileno(), on_dropped=lines_dropped), Health()
    log_to(output)
    with contextlib.ExitStack() as stack:
        stack.enter_context(output.on_running_loop())
        metrics: EmfMetrics | NoMetrics = NoMetrics()
        if options.metrics_namespace:
            metrics = EmfMetrics(options.metrics_namespace, write=output.write)
            stack.enter_context(metrics.emitting())
        async with open_countries(target, patience=options.patience, observe=metrics.statement) as countries:
            app = create_app(countries, options, health, metrics=metrics, write=output.write)
            _collect_seldom()
            await Server(app, options, health).serve()


def _collect_seldom() -> None:
    """A request that succeeds leaves no cycles: looking for some after every 700 objects takes time for nothing."""
    gc.freeze()  # what is there by now stays
    gc.set_threshold(50_000, 20, 100)


if __name__ == "__main__":
    sys.exit(main())
