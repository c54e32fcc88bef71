"""Environments and microservices with every option on: every kind of resource that the components can make."""

from dataclasses import dataclass

from components import (
    AccessLogs,
    Alarms,
    BlueGreen,
    CircuitBreaker,
    Environment,
    ExistingCluster,
    ExistingSecret,
    ExistingVpc,
    Https,
    KeyspacesBulkLoad,
    KeyspacesMicroservice,
    LambdaHook,
    NewCluster,
    NewVpc,
    Once,
    Pause,
    Provisioned,
    PublicLoadBalancer,
    S3Source,
    Scaling,
    Scheduled,
    ScheduledScaling,
    Service,
    Sidecar,
    Spot,
    Table,
    Tracing,
    Worker,
    read,
    write,
)
from tests.components.bulk import one_jar
from tests.components.front import EXISTING, WEB_ACL_ARN

SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:payments-a1B2c3"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:judge"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alarms"
PROXY = f"public.ecr.aws/proxies/proxy@sha256:{'a' * 64}"
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-0000-0000-0000-000000000000"
_TAGS = {"Project": "shop", "Stack": "dev"}


@dataclass(frozen=True, kw_only=True)
class Everything:
    """env, loader, query_api, report and fill create everything. guest, guest_api and guest_worker use an existing VPC,
    listener and cluster.
    """

    env: Environment
    loader: KeyspacesMicroservice
    query_api: KeyspacesMicroservice
    report: KeyspacesMicroservice
    fill: KeyspacesBulkLoad
    guest: Environment
    guest_api: KeyspacesMicroservice
    guest_worker: KeyspacesMicroservice

    @property
    def components(self) -> list[Environment | KeyspacesMicroservice | KeyspacesBulkLoad]:
        return [
            self.env,
            self.loader,
            self.query_api,
            self.report,
            self.fill,
            self.guest,
            self.guest_api,
            self.guest_worker,
        ]


def declare_everything() -> Everything:
    env = Environment(
        "shop",
        keyspace="shop",
        network=NewVpc(
            egress="endpoints",
            session_endpoint=True,
            parameter_endpoint=True,
            secret_endpoint=True,
            trace_endpoint=True,
            buckets=["data"],
        ),
        load_balancer=PublicLoadBalancer(
            https=Https(domain="api.example.com", hosted_zone_id="Z0123456789ABCDEFGHIJ"),
            access_logs=AccessLogs(),
            web_acl_arn=WEB_ACL_ARN,
        ),
        cluster=NewCluster(container_insights="enhanced"),
        protect=True,
        kms_key_arn=KEY_ARN,
        tags=_TAGS,
    )
    alarms = Alarms(topic_arn=TOPIC_ARN, rollback=True)
    loader = KeyspacesMicroservice(
        "loader",
        environment=env,
        tables=[
            write(
                Table(
                    name="things",
                    columns={"id": "text", "year": "int", "owner": "text"},
                    partition_key=["id"],
                    clustering_key={"year": "DESC"},
                    static=["owner"],
                    capacity=Provisioned(read=(1, 10), write=(1, 10)),
                    time_to_live=0,
                )
            ),
            write(Table(name="events", columns={"id": "text"}, partition_key=["id"]), name="log"),
        ],
        dockerfile="app/load-countries.Dockerfile",
        command=["load", "s3://data/things.csv.gz"],
        sources=[S3Source(uri="s3://data/things.csv.gz", kms_key_arn=KEY_ARN)],
        run=Once(),
        alarms=alarms,
        dashboard=True,
    )
    query_api = KeyspacesMicroservice(
        "query-api",
        environment=env,
        tables=[read(loader.tables["things"])],
        dockerfile="app/countries.Dockerfile",
        command=["serve"],
        generated_secrets=["SIGNING_KEY"],
        secrets={"PAYMENTS": ExistingSecret(arn=SECRET_ARN, kms_key_arn=KEY_ARN)},
        run=Service(
            scaling=Scaling(
                max_tasks=4,
                cpu=60,
                memory=80,
                requests=1000,
                schedule=[ScheduledScaling(expression="cron(0 7 * * ? *)", min_tasks=2, max_tasks=8)],
            ),
            spot=Spot(),
            circuit_breaker=CircuitBreaker(type="COUNT", value=5),
            tracing=Tracing(),
            exec=True,
            after=[loader.completed],
        ),
        alarms=alarms,
        dashboard=True,
    )
    report = KeyspacesMicroservice(
        "report",
        environment=env,
        tables=[read(loader.tables["things"])],
        dockerfile="app/countries.Dockerfile",
        command=["report"],
        run=Scheduled(expression="cron(0 3 * * ? *)", after=[loader.completed]),
        alarms=alarms,
        dashboard=True,
    )
    with one_jar() as jars:
        fill = KeyspacesBulkLoad(
            "fill",
            environment=env,
            table=write(loader.tables["things"]),
            source=S3Source(uri="s3://data/things/"),
            format="parquet",
            jars=str(jars),
        )
    guest = Environment(
        "guest",
        keyspace="guest",
        network=ExistingVpc(
            vpc_id="vpc-0123456789abcdef0",
            public_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            task_subnet_ids=["subnet-0123456789abcdef2"],
        ),
        load_balancer=EXISTING,
        cluster=ExistingCluster(arn="arn:aws:ecs:us-east-1:123456789012:cluster/shared"),
        tags=_TAGS,
    )
    guest_api = KeyspacesMicroservice(
        "visitors",
        environment=guest,
        tables=[read(Table(name="visitors", columns={"id": "text"}, partition_key=["id"]))],
        dockerfile="app/countries.Dockerfile",
        command=["serve"],
        run=Service(strategy=BlueGreen(hooks=[Pause(), LambdaHook(function_arn=FUNCTION_ARN)])),
    )
    guest_worker = KeyspacesMicroservice(
        "counter",
        environment=guest,
        tables=[write(guest_api.tables["visitors"])],
        dockerfile="app/countries.Dockerfile",
        command=["count"],
        run=Worker(health_check=["check"]),
        sidecars=[Sidecar(name="proxy", image=PROXY, cpu=32, memory=64, health_check=["check"])],
        alarms=alarms,
    )
    return Everything(
        env=env,
        loader=loader,
        query_api=query_api,
        report=report,
        fill=fill,
        guest=guest,
        guest_api=guest_api,
        guest_worker=guest_worker,
    )
