"""The resources of the dev stack, as `pulumi up` sends them to AWS."""

import json

import pytest
from botocore.session import Session
from botocore.validate import validate_parameters

from declared.program import Program
from tests.evaluation import container, evaluate, one

MICROSERVICES = ("load-countries", "query-api")
IMAGES = {"load-countries": "load-countries", "query-api": "countries"}


def test_spreads_vpc_over_two_zones_that_offer_keyspaces(program: Program) -> None:
    """The Keyspaces endpoint cannot be created in one of the tasks' subnets."""
    vpc = one(program, "awsx:ec2:Vpc", "keyspaces").inputs
    assert vpc["cidrBlock"] == "10.0.0.0/16"
    assert vpc["availabilityZoneNames"] == ["us-east-1a", "us-east-1b"]
    assert [spec["type"] for spec in vpc["subnetSpecs"]] == ["Public", "Private"]
    assert vpc["natGateways"] == {"strategy": "Single"}
    # Without both settings, the endpoint's private DNS is refused.
    assert vpc["enableDnsHostnames"] is vpc["enableDnsSupport"] is True


def test_gives_keyspaces_a_private_endpoint_in_the_tasks_subnets(program: Program) -> None:
    """CQL passes the NAT gateway, at its price, or does not leave the VPC at all."""
    endpoint = one(program, "aws:ec2/vpcEndpoint:VpcEndpoint", "keyspaces-keyspaces").inputs
    assert endpoint["serviceName"] == "com.amazonaws.us-east-1.cassandra"
    assert endpoint["vpcEndpointType"] == "Interface"
    assert endpoint["privateDnsEnabled"] is True
    assert endpoint["subnetIds"] == ["subnet-private-us-east-1a", "subnet-private-us-east-1b"]
    assert endpoint["securityGroupIds"] == ["keyspaces-keyspaces-id"]


def test_opens_only_the_needed_ports(program: Program) -> None:
    """An extra rule exposes the tasks; with a rule missing, tasks cannot start, be reached or read their table."""
    rules = {
        (
            rule.type.rpartition("SecurityGroup")[2].removesuffix("Rule"),
            rule.inputs["securityGroupId"],
            rule.inputs.get("referencedSecurityGroupId") or rule.inputs["cidrIpv4"],
            (rule.inputs["fromPort"], rule.inputs["toPort"]),
        )
        for kind in ("Ingress", "Egress")
        for rule in program.of_type(f"aws:vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule")
    }
    http, cql, https, port = (80, 80), (9142, 9142), (443, 443), (8080, 8080)
    expected = {
        ("Ingress", "keyspaces-alb-id", "0.0.0.0/0", http),
        ("Egress", "keyspaces-alb-id", "query-api-tasks-id", port),
        ("Ingress", "query-api-tasks-id", "keyspaces-alb-id", port),
    }
    for name in MICROSERVICES:
        expected |= {
            ("Egress", f"{name}-tasks-id", "keyspaces-keyspaces-id", cql),
            ("Ingress", "keyspaces-keyspaces-id", f"{name}-tasks-id", cql),
            ("Egress", f"{name}-tasks-id", "0.0.0.0/0", https),
        }
    assert rules == expected
    for group in program.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & group.inputs.keys()


def test_checks_the_health_of_targets_by_ping(program: Program) -> None:
    """Tasks that cannot serve get requests, or healthy ones are replaced."""
    group = one(program, "aws:lb/targetGroup:TargetGroup", "query-api").inputs
    assert group["targetType"] == "ip"
    assert group["port"] == 8080
    assert group["deregistrationDelay"] == 15
    check = group["healthCheck"]
    assert (check["path"], check["interval"], check["timeout"]) == ("/ping", 10, 5)
    assert (check["healthyThreshold"], check["unhealthyThreshold"]) == (2, 10)


def test_forwards_all_paths_to_query_api_and_answers_404_without_it(program: Program) -> None:
    """The stack's URL output gives no answer."""
    listener = one(program, "aws:lb/listener:Listener", "keyspaces").inputs
    assert (listener["port"], listener["protocol"]) == (80, "HTTP")
    assert listener["defaultActions"][0]["fixedResponse"]["statusCode"] == "404"
    rule = one(program, "aws:lb/listenerRule:ListenerRule", "query-api").inputs
    group = one(program, "aws:lb/targetGroup:TargetGroup", "query-api").outputs["arn"]
    assert rule["conditions"] == [{"pathPattern": {"values": ["/*"]}}]
    assert rule["actions"] == [{"type": "forward", "targetGroupArn": group}]
    balancer = one(program, "aws:lb/loadBalancer:LoadBalancer", "keyspaces").inputs
    assert balancer["internal"] is False
    assert balancer["subnets"] == ["subnet-public-us-east-1a", "subnet-public-us-east-1b"]
    assert balancer["securityGroups"] == ["keyspaces-alb-id"]


def test_declares_the_countries_table_encrypted_in_its_keyspace(program: Program) -> None:
    """The loader writes to a table with other columns, or to none."""
    assert one(program, "aws:keyspaces/keyspace:Keyspace", "keyspaces").inputs["name"] == "geography_domain"
    table = one(program, "aws:keyspaces/table:Table", "load-countries-countries").inputs
    assert (table["keyspaceName"], table["tableName"]) == ("geography_domain", "countries")
    columns = {column["name"]: column["type"] for column in table["schemaDefinition"]["columns"]}
    assert columns == {"id": "text", "name": "text", "capital": "text", "population": "int", "area": "int"}
    assert table["schemaDefinition"]["partitionKeys"] == [{"name": "id"}]
    assert table["encryptionSpecification"] == {"type": "AWS_OWNED_KMS_KEY"}
    assert table["capacitySpecification"] == {"throughputMode": "PAY_PER_REQUEST"}
    assert len(list(program.of_type("aws:keyspaces/table:Table"))) == 1


@pytest.mark.parametrize(("setting", "status"), [("true", "ENABLED"), ("false", "DISABLED")])
def test_recovers_to_a_point_in_time_as_set(setting: str, status: str) -> None:
    """A stack has no backups although its owner asked for them, or pays for backups that nobody asked for."""
    table = one(evaluate(pointInTimeRecovery=setting), "aws:keyspaces/table:Table", "load-countries-countries")
    assert table.inputs["pointInTimeRecovery"] == {"status": status}


@pytest.mark.parametrize("name", MICROSERVICES)
def test_builds_each_image_from_its_own_dockerfile_and_deploys_its_digest(program: Program, name: str) -> None:
    """A moved tag decides which image runs, or an edit of one program redeploys the other."""
    image = one(program, "docker:index/image:Image", name)
    assert image.inputs["build"]["context"] == "app"
    assert image.inputs["build"]["dockerfile"] == f"app/{IMAGES[name]}.Dockerfile"
    assert image.inputs["build"]["platform"] == "linux/arm64"
    assert container(program, name)["image"] == image.outputs["repoDigest"]
    assert "@sha256:" in image.outputs["repoDigest"]
    assert not image.inputs.get("skipPush")


@pytest.mark.parametrize("name", MICROSERVICES)
def test_scans_images_and_keeps_those_ecs_may_roll_back_to(program: Program, name: str) -> None:
    """A rollback fails, since its image is deleted."""
    repository = one(program, "aws:ecr/repository:Repository", name).inputs
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    (rule,) = json.loads(one(program, "aws:ecr/lifecyclePolicy:LifecyclePolicy", name).inputs["policy"])["rules"]
    assert rule["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}


@pytest.mark.parametrize("name", MICROSERVICES)
def test_declares_task_definition_that_fargate_accepts(program: Program, name: str) -> None:
    """RegisterTaskDefinition refuses the definition in the middle of an update."""
    definition = one(program, "aws:ecs/taskDefinition:TaskDefinition", name).inputs
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    assert definition["networkMode"] == "awsvpc"
    assert definition["skipDestroy"] is True
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert definition["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    shape = Session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    assert shape is not None
    validate_parameters(
        {
            "family": definition["family"],
            "containerDefinitions": json.loads(definition["containerDefinitions"]),
            "volumes": definition["volumes"],
            "taskRoleArn": definition["taskRoleArn"],
            "executionRoleArn": definition["executionRoleArn"],
        },
        shape,
    )


@pytest.mark.parametrize("name", MICROSERVICES)
def test_locks_the_container_down(program: Program, name: str) -> None:
    """An attacker in the program becomes root in the container, or the program fails since it cannot write
    scratch files.
    """
    only = container(program, name)
    assert only["user"] not in ("root", "0", "0:0", "")
    assert only["readonlyRootFilesystem"] is True
    assert only["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"add": [], "drop": ["ALL"]}}
    assert only["mountPoints"] == [{"sourceVolume": "scratch", "containerPath": "/tmp", "readOnly": False}]
    assert one(program, "aws:ecs/taskDefinition:TaskDefinition", name).inputs["volumes"] == [{"name": "scratch"}]
    assert only["stopTimeout"] == 40


@pytest.mark.parametrize("name", MICROSERVICES)
def test_passes_its_table_and_proxies_to_the_program(program: Program, name: str) -> None:
    """The program cannot start."""
    variables = {variable["name"]: variable["value"] for variable in container(program, name)["environment"]}
    service = {"PORT": "8080", "TRUSTED_PROXIES": "10.0.0.0/16"} if name == "query-api" else {}
    assert variables == {
        "AWS_REGION": "us-east-1",
        "KEYSPACES_ENDPOINT": "cassandra.us-east-1.amazonaws.com:9142",
        "KEYSPACES_KEYSPACE": "geography_domain",
        "KEYSPACES_TABLE_COUNTRIES": "countries",
        **service,
    }
    assert container(program, name)["portMappings"] == ([{"containerPort": 8080, "protocol": "tcp"}] if service else [])


@pytest.mark.parametrize("name", MICROSERVICES)
def test_sends_logs_to_a_group_with_retention(program: Program, name: str) -> None:
    """Logs are lost, or kept and billed for ever."""
    assert one(program, "aws:cloudwatch/logGroup:LogGroup", name).inputs["retentionInDays"] == 7
    logging = container(program, name)["logConfiguration"]
    assert logging["logDriver"] == "awslogs"
    destination = {"awslogs-group": name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": name}
    assert logging["options"].items() >= destination.items()


@pytest.mark.parametrize(("name", "mode"), [("load-countries", "blocking"), ("query-api", "non-blocking")])
def test_loses_no_lines_of_a_run_and_stops_no_service_for_its_log(program: Program, name: str, mode: str) -> None:
    """The error of a failed load lacks its last lines, or the API hangs while CloudWatch Logs is away."""
    assert container(program, name)["logConfiguration"]["options"]["mode"] == mode


def test_runs_two_api_tasks_that_roll_back_by_themselves(program: Program) -> None:
    """One bad image, or a failure of one zone, takes the API down."""
    service = one(program, "aws:ecs/service:Service", "query-api").inputs
    assert service["desiredCount"] == 2
    assert service["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 1}]
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert service["waitForSteadyState"] is False
    assert service["networkConfiguration"] == {
        "subnets": ["subnet-private-us-east-1a", "subnet-private-us-east-1b"],
        "securityGroups": ["query-api-tasks-id"],
        "assignPublicIp": False,
    }
    group = one(program, "aws:lb/targetGroup:TargetGroup", "query-api").outputs["arn"]
    assert service["loadBalancers"] == [{"targetGroupArn": group, "containerName": "query-api", "containerPort": 8080}]


def test_runs_the_loader_once_with_its_own_role_and_network(program: Program) -> None:
    """`pulumi up` ends with an empty table."""
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries").inputs
    assert (
        run["task_definition"] == one(program, "aws:ecs/taskDefinition:TaskDefinition", "load-countries").outputs["arn"]
    )
    assert run["subnets"] == ["subnet-private-us-east-1a", "subnet-private-us-east-1b"]
    assert run["security_groups"] == ["load-countries-tasks-id"]
    assert run["started_by"] == "keyspaces-platform/dev/load-countries"
    assert run["container"] == run["log_stream_prefix"] == container(program, "load-countries")["name"]
    assert run["connection"]["region"] == "us-east-1"
    assert run["connection"]["account"] == "000000000000"


def test_outputs_the_values_users_and_scripts_need(program: Program) -> None:
    """`curl "$(pulumi stack output url)/countries"` and `aws ecs ...` get no value from the stack's outputs."""
    assert program.outputs == {
        "url": "http://127.0.0.1:8080",
        "keyspace": "geography_domain",
        "table": "countries",
        "cluster": "keyspaces",
        "service": "query-api",
        "logGroups": {"load-countries": "load-countries", "query-api": "query-api"},
    }
