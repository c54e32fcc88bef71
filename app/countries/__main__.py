"""Serves the API: `python -m countries`."""

import sys

from countries.routes import routes
from service import run

if __name__ == "__main__":
    about = "Reads a table of countries. An id has two letters, as in ISO 3166-1 alpha-2, in lower case."
    sys.exit(run(routes, name="query-api", title="Countries", version="1.0.0", about=about))
