"""The stack: a table of countries, a task that fills it once, and an API that reads it."""

import pulumi

from components import Environment, KeyspacesMicroservice, Once, Service, Table

settings = pulumi.Config()

env = Environment(
    "keyspaces",
    keyspace=settings.require("keyspace"),
    protect=settings.require_bool("protect"),
    log_retention_days=settings.require_int("logRetentionDays"),
    tags={"Project": pulumi.get_project(), "Stack": pulumi.get_stack()},
)

loader = KeyspacesMicroservice(
    "load-countries",
    environment=env,
    table=Table(
        name="countries",
        columns={"id": "text", "name": "text", "capital": "text", "population": "int", "area": "int"},
        partition_key=["id"],
        point_in_time_recovery=settings.require_bool("pointInTimeRecovery"),
    ),
    access="write",
    dockerfile="app/load-countries.Dockerfile",
    command=["python", "-m", "load_countries"],
    run=Once(run_id=settings.require("runId")),
)

query_api = KeyspacesMicroservice(
    "query-api",
    environment=env,
    table=loader.table,
    access="read",
    dockerfile="app/query-api.Dockerfile",
    command=["python", "-m", "query_api"],
    run=Service(tasks=settings.require_int("queryApiTasks"), after=[loader.completed]),
)

pulumi.export("url", query_api.url)
pulumi.export("keyspace", env.keyspace.name)
pulumi.export("table", loader.table.table_name)
pulumi.export("cluster", env.cluster.name)
pulumi.export("service", query_api.service.name)
pulumi.export("logGroups", {"load-countries": loader.log_group.name, "query-api": query_api.log_group.name})
