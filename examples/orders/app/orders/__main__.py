"""Serves the API: `python -m orders`."""

import sys

from orders.routes import routes
from service import run

if __name__ == "__main__":
    sys.exit(run(routes, name="orders-api", title="Orders", version="1.0.0", about="Orders of a shop's customers."))
