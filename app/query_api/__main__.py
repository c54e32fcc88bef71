"""Serves the API: `python -m query_api`. Listens only once the table could be read."""

import argparse
import os
import sys

import uvicorn

from keyspaces.session import Unreachable
from keyspaces.target import add_target_options, target_from
from query_api.app import create_app
from query_api.countries import open_countries

_EVERYWHERE = "0.0.0.0"  # noqa: S104  # in a container, whose security group says who may come
_KEEP_ALIVE = 75  # seconds; more than the 60 s a load balancer keeps an idle connection, else it would meet closed ones
_GRACE = 20  # seconds that requests in flight may take after SIGTERM; well within the container's stop timeout


def main() -> int:
    parser = argparse.ArgumentParser(prog="query_api", description="REST API over a Keyspaces table of countries.")
    add_target_options(parser)
    parser.add_argument("--host", default=os.environ.get("HOST", _EVERYWHERE), help="default: HOST, else 0.0.0.0")
    parser.add_argument("--port", "-p", type=int, default=os.environ.get("PORT", 8080), help="default: PORT, else 8080")
    parser.add_argument(
        "--patience", type=float, default=90, metavar="SECONDS", help="until the table must be readable (default: 90)"
    )
    options = parser.parse_args()
    target = target_from(parser, options)
    try:
        with open_countries(target, patience=options.patience) as countries:
            uvicorn.run(
                create_app(countries),
                host=options.host,
                port=options.port,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
                server_header=False,
            )
    except Unreachable as error:
        print(f"query-api: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
