"""The stack: orders and their events, a task that fills them once, and an API that reads and writes them."""

import pulumi

from components import Environment, KeyspacesMicroservice, Once, Service, Table, idempotency_table, write

env = Environment(
    "shop",
    keyspace=pulumi.Config().require("keyspace"),
    tags={"Project": pulumi.get_project(), "Stack": pulumi.get_stack()},
)

orders = Table(
    name="orders",
    columns={
        "customer_id": "text",
        "order_id": "timeuuid",
        "total": "decimal",
        "items": "list<text>",
        "status": "text",
        "created_at": "timestamp",
    },
    partition_key=["customer_id"],
    clustering_key={"order_id": "DESC"},
)
events = Table(
    name="order_events",
    columns={"order_id": "timeuuid", "event": "text", "at": "timestamp"},
    partition_key=["order_id"],
    clustering_key={"event": "ASC"},
)

loader = KeyspacesMicroservice(
    "load-orders",
    environment=env,
    tables=[write(orders)],
    dockerfile="app/orders.Dockerfile",
    command=["python", "-m", "loader", "orders", "orders/orders.csv", "--check-first", "--verify"],
    run=Once(),
)

api = KeyspacesMicroservice(
    "orders-api",
    environment=env,
    tables=[write(loader.tables["orders"]), write(events), write(idempotency_table("order_requests"))],
    dockerfile="app/orders.Dockerfile",
    command=["python", "-m", "orders"],
    generated_secrets=["CURSOR_KEY"],
    run=Service(after=[loader.completed]),
)

pulumi.export("url", api.url)
