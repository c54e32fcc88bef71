"""Translation of the declared stack, and refusal of what cannot run here."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from components import (
    Canary,
    Environment,
    ExistingImage,
    ExistingListener,
    Https,
    KeyspacesMicroservice,
    Pause,
    PublicLoadBalancer,
    Service,
    Sidecar,
    Table,
    read,
)
from components.tables.capacity import Provisioned
from declared import aws
from declared.errors import ProgramError
from declared.program import Inputs, Program, Resource, evaluate
from declared.settings import read_settings
from local import stack_model, translation
from local.errors import LocalError
from local_keyspaces.iam import Principal
from tests.components.front import CERTIFICATE_ARN, EXISTING, declare_front
from tests.components.tables import EVERY_OPTION, declare_table
from tests.evaluation import ROOT, declare, one, write_program

URL = "http://127.0.0.1:1"


def write_project(root: Path, program: str, stack: str = "config:\n  aws:region: eu-west-1\n") -> Path:
    project = (
        "name: other\nruntime: python\n"
        "config:\n  size: {type: integer, default: 3}\n  active: {type: boolean, default: false}\n"
    )
    return write_program(root, "import pulumi, pulumi_aws as aws\n" + program, project=project, settings=stack)


def evaluate_in(root: Path, stack: str = "dev") -> Program:
    settings = read_settings(root, stack)
    return evaluate(
        root,
        settings,
        computed=aws.computed_by(settings.region, "127.0.0.1:1"),
        answer=aws.answers_for(settings.region),
    )


def test_reads_the_stack_as_declared(program: Program) -> None:
    """This machine would run something else than the program declares."""
    stack = translation.read(program, ROOT, URL)
    assert stack.keyspaces == ["geography_domain"]
    assert [(table.keyspace, table.name) for table in stack.tables] == [("geography_domain", "countries")]
    loader, api = stack.steps
    assert isinstance(loader, stack_model.OneOff)
    assert isinstance(api, stack_model.Service)
    assert (loader.name, loader.task.command, loader.timeout) == (
        "load-countries",
        ["python", "-m", "load_countries"],
        900,
    )
    assert (api.name, api.task.command, api.tasks) == ("query-api", ["python", "-m", "countries"], 2)
    assert api.task.directory == loader.task.directory == ROOT / "app"
    assert api.task.role.arn.endswith(":role/query-api-task")
    (key,) = program.of_type("pulumi-python:dynamic/ssm:SecretParameter")
    assert (loader.task.secrets, api.task.secrets) == ({}, {"CURSOR_KEY": key.inputs["arn"]})
    assert [(rule.paths, rule.target_group) for rule in stack.rules] == [(["/*"], api.target_group)]


def test_puts_the_loopback_in_the_place_of_the_vpc(program: Program) -> None:
    """A task that trusts its VPC's proxies would log each client of this machine as 127.0.0.1."""
    (api,) = (step for step in translation.read(program, ROOT, URL).steps if isinstance(step, stack_model.Service))
    assert api.task.environment["TRUSTED_PROXIES"] == "127.0.0.0/8"


def test_applies_the_projects_defaults_and_the_stacks_settings(tmp_path: Path) -> None:
    """The program would fail here, since only a real engine applies the defaults of Pulumi.yaml."""
    root = write_project(
        tmp_path,
        "c = pulumi.Config()\n"
        "pulumi.export('o', [c.require_int('size'), c.require_bool('active'), c.require('name')])\n",
        "config:\n  other:size: 5\n  name: x\n  aws:region: eu-west-1\n",
    )
    assert evaluate_in(root).outputs == {"o": [5, False, "x"]}


def test_runs_a_program_of_another_kind(tmp_path: Path) -> None:
    """A second team's program would be refused because of a resource that nothing here needs."""
    root = write_project(tmp_path, "aws.s3.Bucket('b')\npulumi.export('region', aws.get_region().region)\n")
    stack = translation.read(evaluate_in(root), root, URL)
    assert (stack.steps, stack.outputs) == ([], {"region": "eu-west-1"})


@pytest.mark.parametrize(
    ("load_balancer", "url"),
    [
        (PublicLoadBalancer(), "http://127.0.0.1:8080"),
        (PublicLoadBalancer(https=Https(certificate_arn=CERTIFICATE_ARN)), "https://127.0.0.1:8080"),
        (
            PublicLoadBalancer(https=Https(domain="api.example.com", hosted_zone_id="Z0123456789ABCDEFGHIJ")),
            "https://api.example.com",
        ),
        (EXISTING, "https://api.example.com"),
    ],
)
def test_puts_out_its_own_address_whatever_load_balancer_is_declared(
    load_balancer: PublicLoadBalancer | ExistingListener, url: str
) -> None:
    """`curl "$(make -s url)/..."` would call production, or speak TLS to a port without TLS."""
    program = declare_front(load_balancer, services={"api": Service(paths=["/things/*"])})
    assert program.outputs["url"] == url
    outputs = {
        "url": url,
        "docs": [{"all": f"{url}/things/"}],
        "other": f"{url}.example.org/",
        "text": f"see {url}",
    }
    stack = translation.read(dataclasses.replace(program, outputs=outputs), ROOT, URL)
    assert stack.outputs == {**outputs, "url": URL, "docs": [{"all": f"{URL}/things/"}]}
    assert [rule.paths for rule in stack.rules] == [["/things/*"]]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("pulumi.export('arn', aws.sns.Topic('q').arn)", "output arn depends on a value that only AWS computes"),
        (
            "aws.keyspaces.Keyspace('k', name=aws.sns.Topic('q').arn)",
            "Keyspace k: name depends on a value that only AWS",
        ),
        (
            "aws.get_caller_identity(); aws.ec2.get_elastic_ip()",
            "calls aws:ec2/getElasticIp:getElasticIp, for which declared/aws.py has",
        ),
        ("1 / 0", r"__main__\.py cannot be evaluated: ZeroDivisionError"),
        ("pulumi.Config().require('missing')", r"^Missing required configuration variable .*missing"),
    ],
)
def test_refuses_statements_whose_meaning_it_cannot_determine(tmp_path: Path, program: str, message: str) -> None:
    """A value that only AWS knows would become None, and something else would run than was declared."""
    root = write_project(tmp_path, program)
    with pytest.raises((LocalError, ProgramError), match=message):
        translation.read(evaluate_in(root), root, URL)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ("prod", r"no stack 'prod': no Pulumi\.prod\.yaml here \(stacks: dev\)"),
        ("config: {aws:region: eu-west-1, 'other:key': {secure: abc}}", r"Pulumi\.dev\.yaml: other:key is encrypted"),
        ("config: {", r"Pulumi\.dev\.yaml is not valid YAML"),
        ("config: {}", r"set aws:region in Pulumi\.dev\.yaml"),
    ],
)
def test_explains_invalid_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str, message: str) -> None:
    """A user could not tell a typo in a settings file from a mistake in the program."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    root = write_project(tmp_path, "", stack if ":" in stack else "config: {aws:region: eu-west-1}")
    with pytest.raises(ProgramError, match=message):
        evaluate_in(root, "dev" if ":" in stack else stack)


def changed(program: Program, type_: str, **inputs: Any) -> Program:
    """The program with changed inputs for the resources of one type."""
    return dataclasses.replace(
        program,
        resources=[
            resource
            if resource.type != type_
            else type(resource)(**{**vars(resource), "inputs": {**resource.inputs, **inputs}})
            for resource in program.resources
        ],
    )


def test_runs_a_service_without_load_balancer(program: Program) -> None:
    """A worker would be refused here, or its health check would not run."""
    container = json.loads(
        one(program, "aws:ecs/taskDefinition:TaskDefinition", "query-api").inputs["containerDefinitions"]
    )
    container[0]["healthCheck"] = {"command": ["CMD", "check"], "startPeriod": 7}
    worker = changed(program, "aws:ecs/service:Service", loadBalancers=[])
    worker = changed(worker, "aws:ecs/taskDefinition:TaskDefinition", containerDefinitions=json.dumps(container))
    _, api = translation.read(worker, ROOT, URL).steps
    assert isinstance(api, stack_model.Service)
    assert api.target_group is None
    assert api.task.check == stack_model.ContainerCheck(
        command=["check"], interval=30, timeout=5, retries=3, grace_period=7
    )


@pytest.mark.parametrize(
    ("tasks", "minimum", "maximum", "least", "most"),
    [(2, 100, 200, 2, 4), (2, 50, 100, 1, 2), (3, 50, 150, 2, 4), (0, 100, 200, 0, 0)],
)
def test_reads_the_percentages_of_tasks_during_a_deployment(
    program: Program, tasks: int, minimum: int, maximum: int, least: int, most: int
) -> None:
    """An edit here would start more tasks than the account allows, or fewer would serve meanwhile than on AWS."""
    percent = {"deploymentMinimumHealthyPercent": minimum, "deploymentMaximumPercent": maximum}
    other = changed(program, "aws:ecs/service:Service", desiredCount=tasks, **percent)
    other = changed(other, "aws:lb/targetGroup:TargetGroup", deregistrationDelay=7)
    _, api = translation.read(other, ROOT, URL).steps
    assert isinstance(api, stack_model.Service)
    assert (api.least, api.most) == (least, most)
    assert api.target_group is not None
    assert api.target_group.deregistration_delay == 7


def test_uses_the_developers_value_of_an_existing_secret(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with a secret of Secrets Manager would not run here, or a console would show the secret's value."""
    monkeypatch.setenv("LOCAL_SECRET_CURSOR_KEY", "value")
    existing = changed(program, "pulumi-python:dynamic/ssm:SecretParameter", arn="arn:aws:ssm:us-east-1:1:parameter/o")
    _, api = translation.read(existing, ROOT, URL).steps
    assert (api.task.secrets, api.task.given_secrets) == ({}, ["CURSOR_KEY"])
    assert "value" not in api.task.environment.values()


def _reading_s3(program: Program) -> Program:
    container = json.loads(
        one(program, "aws:ecs/taskDefinition:TaskDefinition", "load-countries").inputs["containerDefinitions"]
    )
    container[0]["command"] += ["s3://data/rows.csv"]
    definition = json.dumps(container)
    return dataclasses.replace(
        program,
        resources=[
            dataclasses.replace(each, inputs={**each.inputs, "containerDefinitions": definition})
            if (each.type, each.name) == ("aws:ecs/taskDefinition:TaskDefinition", "load-countries")
            else each
            for each in program.resources
        ],
    )


def test_puts_a_folder_in_the_place_of_s3(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that reads from S3 would not run here, or would send AWS unknown credentials."""
    monkeypatch.setenv("LOCAL_S3", str(tmp_path))
    with pytest.raises(
        LocalError, match=r"its command names s3://data/rows\.csv, and .*/data/rows\.csv does not exist"
    ):
        translation.read(_reading_s3(program), ROOT, URL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("id\n")
    loader, _ = translation.read(_reading_s3(program), ROOT, URL).steps
    assert loader.task.command == ["python", "-m", "load_countries", str(tmp_path / "data" / "rows.csv")]


def test_explains_how_to_work_without_s3(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make up` of a stack whose loader reads from S3 would end with an AWS error."""
    monkeypatch.delenv("LOCAL_S3", raising=False)
    with pytest.raises(LocalError, match=r"set the environment variable LOCAL_S3 to a folder that has data/rows\.csv"):
        translation.read(_reading_s3(program), ROOT, URL)


@pytest.mark.parametrize(
    ("type_", "inputs", "message"),
    [
        ("aws:ecs/service:Service", {"loadBalancers": [{}, {}]}, "service query-api has 2 load balancers"),
        (
            "aws:ecs/taskDefinition:TaskDefinition",
            {"containerDefinitions": "[{},{}]"},
            "has 2 containers; local/ supports one, with its name",
        ),
        (
            "pulumi-python:dynamic/ssm:SecretParameter",
            {"arn": "arn:aws:ssm:us-east-1:1:parameter/other"},
            "its secret CURSOR_KEY is in arn:aws:ssm:.*/CURSOR_KEY, which is not read here: set the environment"
            " variable LOCAL_SECRET_CURSOR_KEY to a value for this machine",
        ),
        ("aws:lb/listenerRule:ListenerRule", {"conditions": [{"hostHeader": {}}]}, "listener rule query-api"),
        (
            "aws:lb/listenerRule:ListenerRule",
            {"conditions": [{"pathPattern": {"values": ["/*"]}}, {"sourceIp": {"values": ["10.0.0.0/8"]}}]},
            "listener rule query-api: local/ supports one path-pattern condition",
        ),
        (
            "aws:lb/listenerRule:ListenerRule",
            {"conditions": [{"pathPattern": {"values": ["/a"]}}, {"pathPattern": {"values": ["/b"]}}]},
            "listener rule query-api: local/ supports one path-pattern condition",
        ),
        ("aws:iam/role:Role", {"permissionsBoundary": "arn:aws:iam::1:policy/b"}, "has a permissions boundary"),
        ("aws:iam/rolePolicy:RolePolicy", {"policy": '{"Statement": []}'}, "role .*-task: policy .* has no statement"),
    ],
)
def test_refuses_unsupported_statements(program: Program, type_: str, inputs: Inputs, message: str) -> None:
    """Something else would run than was declared, without a message."""
    with pytest.raises(LocalError, match=message):
        translation.read(changed(program, type_, **inputs), ROOT, URL)


def _declare_image(**more: Any) -> Program:
    uri = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:{'a' * 64}"

    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop"),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            image=ExistingImage(uri=uri),
            command=["serve"],
            run=Service(),
            **more,
        )

    return declare(run)


def test_runs_the_source_of_an_image_that_was_built_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    """A stack with images from CI could not run here, or its owner would take the source for the deployed image."""
    program = _declare_image(dockerfile="app/countries.Dockerfile")
    (api,) = translation.read(program, ROOT, URL).steps
    assert (api.task.directory, "countries" in api.task.sources) == (ROOT / "app", True)
    assert "api runs the source of app/countries.Dockerfile here, and 000000000000.dkr.ecr" in caplog.text


def test_leaves_sidecars_out_with_a_message(caplog: pytest.LogCaptureFixture) -> None:
    """A program with a sidecar would not run here, or nobody would know that the sidecar is missing, or an edited
    sidecar would restart the tasks."""

    def api_beside(*digits: str) -> stack_model.TaskDefinition:
        caplog.clear()
        program = _declare_image(
            dockerfile="app/countries.Dockerfile",
            sidecars=[
                Sidecar(name=f"proxy-{i}", image=f"a.example/proxy@sha256:{digit * 64}", cpu=32, memory=64)
                for i, digit in enumerate(digits)
            ],
        )
        (api,) = translation.read(program, ROOT, URL).steps
        return api.task

    first = api_beside("a", "b")
    assert first.container == "api"
    assert [message for message in caplog.messages if "sidecar" in message] == [
        "api: its sidecar proxy-0 does not run here",
        "api: its sidecar proxy-1 does not run here",
    ]
    assert api_beside("a", "c").revision == first.revision


def test_runs_a_service_whose_deployments_move_requests() -> None:
    """A stack with a canary could not run here, or its requests would go to the target group without tasks."""

    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop"),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(strategy=Canary(hooks=[Pause()])),
        )

    stack = translation.read(declare(run), ROOT, URL)
    (api,) = stack.steps
    assert isinstance(api, stack_model.Service)
    assert api.target_group is not None
    assert api.target_group.name == "api"
    assert [rule.target_group for rule in stack.rules] == [api.target_group]


def test_refuses_an_image_without_its_source() -> None:
    """A task without a program to run would end with an unclear message."""
    with pytest.raises(LocalError, match=r"is not built by this program.*: give the microservice a dockerfile too"):
        translation.read(_declare_image(), ROOT, URL)


def test_accepts_requests_for_any_host() -> None:
    """A load balancer with one address would never receive requests for the hosts of production."""
    services = {
        "api": Service(hosts=["api.example.com"], paths=["/things", "/a?"]),
        "rest": Service(paths=["/*", "/a*"]),
    }
    stack = translation.read(declare_front(services=services), ROOT, URL)
    assert [rule.paths for rule in stack.rules] == [["/things", "/a?"], ["/*", "/a*"]]


def test_accepts_a_rule_that_gets_no_request_in_aws_either() -> None:
    """A service without hosts would be refused because of its hosts."""
    program = declare_front(services={"all": Service(), "things": Service(paths=["/things/*"])})
    stack = translation.read(changed(program, "aws:lb/listenerRule:ListenerRule", priority=1), ROOT, URL)
    # With one priority for both, the order is undefined; neither is refused.
    assert sorted(list(rule.paths) for rule in stack.rules) == [["/*"], ["/things/*"]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Service(hosts=["a.example.com"]), Service(hosts=["b.example.com"])),
        (Service(hosts=["a.example.com"]), Service()),
        (Service(hosts=["a.example.com"], paths=["/b", "/t*"]), Service(paths=["/c", "/things/*"])),
        (Service(hosts=["a.example.com"]), Service(hosts=["*.example.com"], paths=["/things/*"])),
    ],
)
def test_refuses_rules_that_only_hosts_tell_apart(first: Service, second: Service) -> None:
    """One of the microservices would run here and never get a request."""
    program = declare_front(services={"first": first, "second": second})
    with pytest.raises(
        LocalError, match=r"of \w+ gets no request here, because local/ ignores hosts and /.* of \w+ matches"
    ):
        translation.read(program, ROOT, URL)


def test_reads_a_tables_settings(program: Program) -> None:
    """A table's settings would have another effect here than on Keyspaces."""
    settings = {
        "ttl": {"status": "ENABLED"},
        "clientSideTimestamps": {"status": "ENABLED"},
        "pointInTimeRecovery": {"status": "DISABLED"},
        "defaultTimeToLive": 60,
    }
    (table,) = translation.read(changed(program, "aws:keyspaces/table:Table", **settings), ROOT, URL).tables
    assert table.properties == {
        "ttl": {"status": "enabled"},
        "client_side_timestamps": {"status": "enabled"},
        "point_in_time_recovery": {"status": "disabled"},
    }
    assert table.default_time_to_live == 60


def test_reads_a_table_with_every_option_of_the_component() -> None:
    """Settings that only AWS applies, such as auto scaling, would be refused, or settings of the local Keyspaces would
    be lost."""
    scaled = Provisioned(read=(5, 500), write=(10, 100))
    (table,) = translation.read(declare_table(**EVERY_OPTION, capacity=scaled), ROOT, URL).tables
    assert (table.keyspace, table.name) == ("shop", "things")
    assert table.columns == {"id": "text", "year": "int", "size": "bigint"}
    assert (table.partition_key, table.clustering_key) == (["id"], {"year": "DESC"})
    assert table.properties == {
        "ttl": {"status": "enabled"},
        "client_side_timestamps": {"status": "enabled"},
        "point_in_time_recovery": {"status": "enabled"},
    }
    assert table.default_time_to_live == EVERY_OPTION["time_to_live"]


def test_gives_each_task_the_policies_of_its_role(program: Program) -> None:
    """Permissions would not be checked."""
    loader, api = translation.read(program, ROOT, URL).steps
    table = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/geography_domain/table/countries"
    for step, modifies in ((loader, True), (api, False)):
        principal = Principal(arn="arn", policies=step.task.role.policies)
        assert principal.may("cassandra:Select", table)
        assert principal.may("cassandra:Modify", table) is modifies


def test_ignores_managed_policies_with_a_message(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    """A role with a policy whose document is unknown here would be allowed too much."""
    attachment = Resource(
        **{
            **vars(next(program.of_type("aws:iam/rolePolicy:RolePolicy"))),
            "type": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "inputs": {"role": "query-api-task", "policyArn": "arn:aws:iam::aws:policy/AmazonKeyspacesFullAccess"},
        }
    )
    translation.read(dataclasses.replace(program, resources=[*program.resources, attachment]), ROOT, URL)
    assert "role query-api-task: its managed policy is not known here and allows nothing" in caplog.text
