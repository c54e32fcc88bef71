"""Arguments of the components that AWS would refuse: the components refuse them before anything is created."""

import os
import re
import stat
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import Environment, KeyspacesMicroservice, NewCluster, Once, Service, Table, read, write
from components.arguments import InvalidArguments
from components.connection import connection_inputs
from components.names import check_name
from components.tasks import image
from components.tasks.image import DockerUnavailable, create_image, require_docker
from components.tasks.task_definition import check_size
from tests.evaluation import declare, one

COLUMNS = {"id": "text", "name": "text"}
EVENTS = Table(name="events", columns=COLUMNS, partition_key=["id"])
THINGS = Table(name="things", columns=COLUMNS, partition_key=["id"])


@pytest.mark.parametrize("name", ["Countries", "a-b", "", "x" * 49])
def test_refuses_table_name_keyspaces_would_refuse(name: str) -> None:
    """The update fails halfway, with the provider's error."""
    with pytest.raises(ValueError, match="table name"):
        Table(name=name, columns=COLUMNS, partition_key=["id"])


@pytest.mark.parametrize("name", ["system", "system_shop", "System", "SYSTEM_schema", "systematic"])
def test_refuses_keyspace_name_like_keyspaces_own(name: str) -> None:
    """The update fails after other resources are created, or every task may read the keyspace."""
    with pytest.raises(InvalidArguments, match=f"keyspace is '{name}'; use .* but not with system"):
        Environment.check(keyspace=name, log_retention_days=7)


@pytest.mark.parametrize("name", ["shop", "Shop_2", "ecosystem", "sys", "shop_system"])
def test_accepts_keyspace_name_that_is_free(name: str) -> None:
    """A team cannot keep the name of its existing keyspace."""
    Environment.check(keyspace=name, log_retention_days=7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"partition_key": []}, "at least one column"),
        ({"partition_key": ["code"]}, "'code' is not in columns"),
        ({"partition_key": ["id"], "clustering_key": {"year": "ASC"}}, "'year' is not in columns"),
        ({"partition_key": ["id"], "columns": {"id": "text", "Name": "text"}}, "column 'Name'"),
    ],
)
def test_refuses_table_whose_key_is_wrong(arguments: dict[str, Any], message: str) -> None:
    """A wrong key cannot be corrected later without losing the rows."""
    with pytest.raises(ValueError, match=message):
        Table(**{"name": "countries", "columns": COLUMNS, **arguments})


@pytest.mark.parametrize(("cpu", "memory"), [(256, 512), (256, 2048), (512, 4096), (1024, 8192), (16384, 122880)])
def test_accepts_sizes_fargate_offers(cpu: int, memory: int) -> None:
    """A size that Fargate offers is refused, and the team pays for a larger one."""
    check_size("api", cpu=cpu, memory=memory)


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [(256, 4096, "512, 1024, 2048"), (300, 512, "256, 512, 1024"), (512, 512, "1024, 2048")],
)
def test_names_the_sizes_fargate_offers_when_it_refuses_one(cpu: int, memory: int, message: str) -> None:
    """RegisterTaskDefinition refuses a size without naming the sizes that Fargate offers."""
    with pytest.raises(ValueError, match=message):
        check_size("api", cpu=cpu, memory=memory)


def test_names_both_cpu_and_memory_when_fargate_offers_neither() -> None:
    """The owner learns of the second mistake only after correcting the first."""
    with pytest.raises(InvalidArguments) as refused:
        check_size("api", cpu=300, memory=500)
    assert refused.value.mistakes.keys() == {"cpu", "memory"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"architecture": "arm64"}, "architecture is 'arm64'; use ARM64, X86_64"),
        ({"tables": []}, "tables is empty; name at least one table"),
        ({"tables": [THINGS]}, "tables has a table without its access; use read"),
        ({"tables": [read(THINGS), write(THINGS)]}, "tables has things twice; use each table once"),
        ({"variables": {"KEYSPACES_TABLE_THINGS": "x"}}, "variables has KEYSPACES_TABLE_THINGS, which the component"),
    ],
)
def test_refuses_an_invalid_choice(option: dict[str, str], message: str) -> None:
    """An image is built before AWS refuses the task, or the owner sees a traceback with a KeyError."""

    def run() -> None:
        arguments: dict[str, Any] = {
            "environment": Environment("shop", keyspace="shop"),
            "tables": [read(THINGS)],
            "dockerfile": "app/countries.Dockerfile",
            "command": ["serve"],
            "run": Service(),
        }
        KeyspacesMicroservice("things-api", **{**arguments, **option})

    with pytest.raises(InvalidArguments, match=message):
        declare(run)


@pytest.mark.parametrize("name", ["", "Things", "things-2", "x" * 49])
def test_requires_the_name_of_an_existing_table(name: str) -> None:
    """The update fails later: the table's name in AWS is an output, so the program needs a name for its variable."""

    def run() -> None:
        there = aws.keyspaces.Table.get("things", "shop/things")
        read(there, name=name)

    with pytest.raises(InvalidArguments, match="give the program's name for this table"):
        declare(run)


def test_a_program_may_use_an_existing_table() -> None:
    """A program cannot use a table that another stack made, unless the owner copies the component."""

    def run() -> None:
        KeyspacesMicroservice(
            "things-api",
            environment=Environment("shop", keyspace="shop"),
            tables=[write(aws.keyspaces.Table.get("there", "shop/things_2026"), name="things"), read(EVENTS)],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(),
        )

    program = declare(run)
    assert [table.name for table in program.of_type("aws:keyspaces/table:Table")] == ["things-api-events"]
    role = one(program, "aws:iam/role:Role", "things-api-task")
    assert role.inputs["description"] == "Tasks of things-api: write things, read events"


def test_refuses_container_insights_ecs_does_not_have() -> None:
    """The update fails at the cluster."""
    with pytest.raises(InvalidArguments, match="container_insights is 'on'; use disabled, enabled, enhanced"):
        NewCluster(container_insights="on")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["query-api", "a1", "x" * 24])
def test_accepts_names_that_leave_room_for_pulumis(name: str) -> None:
    """A team cannot give its microservice a name that AWS accepts."""
    check_name("Environment", name)


@pytest.mark.parametrize(
    "name", ["x" * 25, "Query", "-api", "api-", "a--b", "a_b", "1api", "internal-api", "sg-api", ""]
)
def test_refuses_names_a_load_balancer_would_refuse(name: str) -> None:
    """The update fails at the target group."""
    with pytest.raises(ValueError, match="2 to 24"):
        check_name("Environment", name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": -1}, "tasks"),
        ({"paths": ()}, "paths"),
        ({"paths": ["/a"] * 6}, "paths"),
        ({"priority": 0}, "priority"),
    ],
)
def test_refuses_service_a_load_balancer_would_refuse(arguments: dict[str, Any], message: str) -> None:
    """The update fails at the listener rule."""
    with pytest.raises(ValueError, match=message):
        Service(**arguments)


def test_refuses_a_run_without_time() -> None:
    """An update starts a task that always fails: its timeout is 0."""
    with pytest.raises(ValueError, match="timeout"):
        Once(timeout=0)


def test_names_a_missing_dockerfile() -> None:
    """The Docker provider fails after everything else has been created."""
    with pytest.raises(ValueError, match=r"dockerfile is 'app/none\.Dockerfile', which does not exist"):
        create_image(
            "api",
            dockerfile="app/none.Dockerfile",
            architecture="ARM64",
            keep_images=False,
            tags={},
            parent=None,  # type: ignore[arg-type]
        )


def test_reports_in_a_sentence_that_docker_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A newcomer who runs `pulumi up` without Docker gets an error that does not name Docker."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(DockerUnavailable, match=r"not installed here: install it") as unavailable:
        require_docker()
    assert "\n" not in str(unavailable.value)


def _install_docker(script: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a command named `docker`, first on the PATH."""
    docker = directory / "docker"
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{directory}:{os.defpath}")


@pytest.mark.parametrize(
    ("script", "works"),
    [("echo 28.2.2", True), ("echo Cannot connect to the Docker daemon. >&2; exit 1", False), ("exit 1", False)],
)
def test_reports_in_a_sentence_that_docker_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, works: bool
) -> None:
    """A user whose Docker is installed but not started gets a traceback."""
    _install_docker(script, tmp_path, monkeypatch)
    if works:
        require_docker()
    else:
        with pytest.raises(DockerUnavailable, match=r"does not answer \(.+\): start it"):
            require_docker()


@pytest.mark.parametrize(
    ("version", "works"),
    [
        ("27.5.0", True),
        ("27.5.1-0ubuntu1", True),
        ("28.2.2", True),
        ("29.8.0", True),
        ("master-dockerproject", True),
        ("27.4.1", False),
        ("26.1.5+dfsg1", False),
        ("20.10.24", False),
    ],
)
def test_refuses_an_engine_that_may_lose_the_build_context(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, works: bool
) -> None:
    """The build ends with "failed to read downloaded context", after half of the stack is created."""
    _install_docker(f"echo '{version}'", tmp_path, monkeypatch)
    if works:
        require_docker()
    else:
        with pytest.raises(DockerUnavailable, match=rf"{re.escape(version)} is too old .* 27\.5 or newer") as refused:
            require_docker()
        assert "\n" not in str(refused.value)


def test_requires_docker_before_anything_is_created(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`pulumi up` without Docker ends in a provider's error about sockets, after half of the stack is created."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    arguments: dict[str, Any] = {"dockerfile": "app/countries.Dockerfile", "keep_images": False, "tags": {}}

    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "env", {})
        create_image("api", architecture="ARM64", parent=parent, **arguments)

    assert list(declare(run).of_type("docker:index/image:Image"))  # Under mocks nothing is built.
    monkeypatch.setattr(image, "get_monitor", object)
    with pytest.raises(DockerUnavailable, match="install it"):
        declare(run)


@pytest.fixture
def config() -> Any:
    pulumi.runtime.set_all_config({})
    yield pulumi.runtime.set_config
    pulumi.runtime.set_all_config({})


def test_keeps_credentials_out_of_the_inputs(config: Any) -> None:
    """A colleague's profile or CI's keys change every dynamic resource, and are stored in the stack's state."""
    config("aws:profile", "prod")
    config("aws:accessKey", "key")
    config("aws:secretKey", "secret")
    config("aws:assumeRoles", '[{"roleArn": "arn:aws:iam::1:role/deploy"}]')
    assert connection_inputs("eu-west-1", "123456789012") == {"region": "eu-west-1", "account": "123456789012"}


@pytest.mark.parametrize("key", ["assumeRoleWithWebIdentity", "sharedConfigFiles", "sharedCredentialsFiles"])
def test_refuses_a_way_to_sign_in_that_is_not_followed(config: Any, key: str) -> None:
    """The stack deploys with these credentials, and its one-off task with other credentials."""
    config(f"aws:{key}", "x")
    with pytest.raises(ValueError, match=f"pulumi config rm aws:{key}"):
        connection_inputs("eu-west-1", "123456789012")


@pytest.mark.parametrize("key", ["useFipsEndpoint", "useDualstackEndpoint"])
def test_refuses_other_names_of_endpoints(config: Any, key: str) -> None:
    """The owner believes that tasks speak to FIPS endpoints, and they do not."""
    config(f"aws:{key}", "true")
    with pytest.raises(ValueError, match=f"pulumi config rm aws:{key}.*regional IPv4 names"):
        connection_inputs("eu-west-1", "123456789012")
    config(f"aws:{key}", "false")
    assert connection_inputs("eu-west-1", "123456789012")


@pytest.mark.parametrize(
    ("roles", "mistake"),
    [
        ('[{"roleArn": "arn:aws:iam::1:role/deploy", "durationSeconds": 900}]', "has durationSeconds, which cannot be"),
        ('[{"roleArn": "arn:aws:iam::1:role/deploy", "duration": "1.5h"}]', "has the duration '1.5h'; use whole hours"),
        ('[{"externalId": "ours"}]', "is not a list of roles that each have a roleArn"),
        ('{"roleArn": "arn:aws:iam::1:role/deploy"}', "is not a list of roles"),
    ],
)
def test_refuses_an_attribute_of_a_role_that_is_not_passed_on(config: Any, roles: str, mistake: str) -> None:
    """The stack is deployed with a restricted session, and its one-off task with an unrestricted one."""
    config("aws:assumeRoles", roles)
    with pytest.raises(ValueError, match=f"aws:assumeRoles {re.escape(mistake)}"):
        connection_inputs("eu-west-1", "123456789012")
