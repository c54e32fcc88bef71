"""Tasks and images by architecture, and the additions of ECS Exec to a task."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.account import Account
from components.secrets.generated import create_generated_secrets
from components.tasks.architecture import Architecture
from components.tasks.container import LogMode
from components.tasks.image import Image, create_image
from components.tasks.permissions import create_task_role
from components.tasks.task_definition import create_task_definition
from declared.program import Program
from tests.evaluation import container, declare, one, policy

_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_IMAGE = "docker:index/image:Image"
_CHANNELS = {
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}


def _declare(
    *,
    architecture: Architecture = "ARM64",
    exec: bool = False,
    secrets: Sequence[str] = (),
    log_mode: LogMode = "non-blocking",
    computed: bool = True,
    images: list[Image] | None = None,
) -> Program:
    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "api", {})
        opts = pulumi.ResourceOptions(parent=parent)
        account = Account.of(parent)
        table = aws.keyspaces.Table(
            "api", keyspace_name="k", table_name="t", schema_definition={"columns": [], "partition_keys": []}, opts=opts
        )
        role = create_task_role(
            "api-task",
            tables={"things": (table, "read")},
            account=account,
            tags={},
            parent=parent,
            exec=exec,
        )
        image = create_image(
            "api",
            dockerfile="app/countries.Dockerfile",
            architecture=architecture,
            keep_images=False,
            tags={},
            parent=parent,
        )
        if images is not None:
            images.append(image)
        generated = create_generated_secrets("api", secrets, account=account, tags={}, parent=parent)
        create_task_definition(
            "api",
            image=image.digest,
            command=["python"],
            environment={},
            secrets={variable: secret.arn for variable, secret in generated.items()},
            generated=generated.values(),
            port=8080,
            architecture=architecture,
            cpu=256,
            memory=512,
            task_role=role,
            execution_role=role,
            log_group=aws.cloudwatch.LogGroup("api", opts=opts),
            log_mode=log_mode,
            account=account,
            tags={},
            parent=parent,
            exec=exec,
        )

    return declare(run, computed=computed)


@pytest.mark.parametrize("computed", [True, False])
@pytest.mark.parametrize(("architecture", "platform"), [("ARM64", "linux/arm64"), ("X86_64", "linux/amd64")])
def test_builds_the_image_for_the_processor_its_tasks_run_on(
    architecture: Architecture, platform: str, computed: bool
) -> None:
    """Every task stops at once with an "exec format error"."""
    program = _declare(architecture=architecture, computed=computed)
    assert one(program, _IMAGE, "api").inputs["build"]["platform"] == platform
    assert one(program, _DEFINITION, "api").inputs["runtimePlatform"] == {
        "operatingSystemFamily": "LINUX",
        "cpuArchitecture": architecture,
    }


@pytest.mark.parametrize(
    ("log_mode", "options"),
    [("blocking", {"mode": "blocking"}), ("non-blocking", {"mode": "non-blocking", "max-buffer-size": "10m"})],
)
def test_sets_the_log_drivers_mode(log_mode: LogMode, options: dict[str, str]) -> None:
    """The account's default decides whether lines are dropped or the program blocks."""
    declared = container(_declare(log_mode=log_mode), "api")["logConfiguration"]["options"]
    assert {key: value for key, value in declared.items() if not key.startswith("awslogs-")} == options


def test_names_secrets_by_their_parameters() -> None:
    """The task starts without its key, or every principal that may describe the task definition can read the key."""
    program = _declare(secrets=["KEY_B", "KEY_A"])
    path = "arn:aws:ssm:us-east-1:000000000000:parameter/keyspaces-platform/dev/api"
    assert container(program, "api")["secrets"] == [
        {"name": "KEY_A", "valueFrom": f"{path}/KEY_A"},
        {"name": "KEY_B", "valueFrom": f"{path}/KEY_B"},
    ]


def test_makes_another_revision_when_a_secret_was_made_anew() -> None:
    """Tasks that start later have another key than the running ones."""
    definition = one(_declare(secrets=["KEY_B", "KEY_A"]), _DEFINITION, "api")
    assert definition.replacement_trigger == "api-KEY_B-id api-KEY_A-id"
    assert one(_declare(), _DEFINITION, "api").replacement_trigger is None


def test_exposes_every_resource_of_an_image() -> None:
    """A user cannot reach a resource of the image that the component does not expose."""
    images: list[Image] = []
    program = _declare(images=images)
    (image,) = images
    made = {type(value).__name__ for value in vars(image.built).values()}
    registered = {kind for kind in ("Repository", "LifecyclePolicy", "Image") if _count(program, kind) == 1}
    assert made == registered == {"Repository", "LifecyclePolicy", "Image"}


def _count(program: Program, kind: str) -> int:
    return sum(resource.type.endswith(f":{kind}") for resource in program.resources)


def _mounts(program: Program) -> dict[str, str]:
    """Each mount's path, by its volume; each volume that a mount needs is declared and writable."""
    mounts: list[dict[str, Any]] = container(program, "api")["mountPoints"]
    volumes = one(program, _DEFINITION, "api").inputs["volumes"]
    assert [{"name": mount["sourceVolume"]} for mount in mounts] == volumes
    assert not any(mount["readOnly"] for mount in mounts)
    return {mount["sourceVolume"]: mount["containerPath"] for mount in mounts}


def test_exec_can_write_in_a_container_with_a_read_only_root() -> None:
    """`aws ecs execute-command` finds no agent, or the container is writable or privileged because of it."""
    program = _declare(exec=True)
    assert sorted(_mounts(program).values()) == [
        "/managed-agents",
        "/tmp",
        "/var/lib/amazon/ssm",
        "/var/log/amazon/ssm",
    ]
    with_exec, without = container(program, "api"), container(_declare(), "api")
    for locked_down in (with_exec, without):
        del locked_down["mountPoints"]
    assert with_exec == without
    assert with_exec["readonlyRootFilesystem"] is True
    assert with_exec["linuxParameters"]["initProcessEnabled"] is True


def test_leaves_the_task_as_it_is_without_exec() -> None:
    """Every task has writable paths and permissions that nobody asked for."""
    program = _declare()
    assert _mounts(program) == {"scratch": "/tmp"}
    assert not _exec_statements(program)


def test_execs_agent_may_only_open_its_channels() -> None:
    """With fewer permissions, no session opens; with more, the program gets permissions that only the agent needs."""
    with_exec = _declare(exec=True)
    (statement,) = _exec_statements(with_exec)
    assert (set(statement["Action"]), statement["Resource"]) == (_CHANNELS, "*")
    others = [other for other in policy(with_exec, "api-task")["Statement"] if other != statement]
    assert others == policy(_declare(), "api-task")["Statement"]


def _exec_statements(program: Program) -> list[dict[str, Any]]:
    return [
        statement
        for statement in policy(program, "api-task")["Statement"]
        if any(action.startswith("ssm") for action in statement["Action"])
    ]
