"""Serves the API: `python -m query_api`. Listens only once the table could be read."""

import asyncio
import sys

import uvloop

from keyspaces.session import Unreachable
from keyspaces.target import Target
from query_api.app import create_app
from query_api.countries import open_countries
from query_api.health import Health
from query_api.metrics import NoMetrics
from query_api.options import Options, read_options
from query_api.server import Server, on_stop_signals


def main() -> int:
    target, options = read_options()
    try:
        uvloop.run(serve(target, options))
    except Unreachable as error:
        print(f"query-api: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:  # told to stop before it served
        return 0
    return 0


async def serve(target: Target, options: Options) -> None:
    opening = asyncio.current_task()
    assert opening is not None
    on_stop_signals(opening.cancel)  # until the server has them
    metrics, health = NoMetrics(), Health()
    async with open_countries(target, patience=options.patience, observe=metrics.statement) as countries:
        await Server(create_app(countries, options, health), options, health).serve()


if __name__ == "__main__":
    sys.exit(main())
