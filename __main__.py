"""The stack: a table of countries, a task that fills it once, and an API that reads it."""

import pulumi

from components import Environment, KeyspacesMicroservice, Once, Service, Table, read, write
from settings import read_settings

settings = read_settings()

env = Environment(
    "keyspaces",
    tags={"Project": pulumi.get_project(), "Stack": pulumi.get_stack()},
    **settings.environment,
)

countries = Table(
    name="countries",
    columns={"id": "text", "name": "text", "capital": "text", "population": "int", "area": "int"},
    partition_key=["id"],
    **settings.table,
)

loader = KeyspacesMicroservice(
    "load-countries",
    environment=env,
    tables=[write(countries)],
    dockerfile="app/load-countries.Dockerfile",
    image=settings.loader_image,
    command=["python", "-m", "load_countries"],
    architecture=settings.architecture,
    run=Once(run_id=settings.run_id),
)

query_api = KeyspacesMicroservice(
    "query-api",
    environment=env,
    tables=[read(loader.tables["countries"])],
    dockerfile="app/countries.Dockerfile",
    command=["python", "-m", "countries"],
    generated_secrets=["CURSOR_KEY"],
    run=Service(after=[loader.completed], **settings.query_api.service),
    **settings.query_api.microservice,
)

pulumi.export("url", query_api.url)
pulumi.export("keyspace", env.keyspace.name)
pulumi.export("table", loader.tables["countries"].table.table_name)
pulumi.export("cluster", env.cluster.name)
pulumi.export("service", query_api.service.name)
pulumi.export("logGroups", {"load-countries": loader.log_group.name, "query-api": query_api.log_group.name})
