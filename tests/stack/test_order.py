"""In which order things are created and removed, and what refuses to be removed."""

import pytest

from declared.program import Program
from tests.evaluation import dependencies, evaluate, one

_NEEDED_BY_TASKS = {
    "VpcEndpoint keyspaces-keyspaces",
    "VpcEndpoint keyspaces-s3",
    "Vpc keyspaces",
    "Table load-countries-countries",
    "Keyspace keyspaces",
    "Cluster keyspaces",
}


def _needed_by_tasks_of(name: str) -> set[str]:
    return _NEEDED_BY_TASKS | {
        f"SecurityGroupEgressRule {name}-to-keyspaces",
        f"SecurityGroupEgressRule {name}-to-https",
        f"SecurityGroupIngressRule {name}-into-keyspaces",
        f"RolePolicy {name}-task",
        f"RolePolicy {name}-execution",
        f"LogGroup {name}",
        f"Image {name}",
    }


def test_starts_the_loader_once_all_it_needs_is_there(program: Program) -> None:
    """The loader's first run on a new stack fails, and on destroy the loader is cut off from what it uses."""
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries")
    assert dependencies(program, run) >= _needed_by_tasks_of("load-countries")


def test_stops_a_killed_updates_task_before_what_it_uses_is_removed(program: Program) -> None:
    """A task that no state knows of keeps cluster and security group from being destroyed."""
    stop = one(program, "pulumi-python:dynamic/ecs:TaskStop", "load-countries")
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries")
    assert "TaskStop load-countries" in dependencies(program, run)
    assert dependencies(program, stop) >= _needed_by_tasks_of("load-countries") - {
        "LogGroup load-countries",
        "Image load-countries",
    }
    assert stop.inputs["started_by"] == run.inputs["started_by"]
    assert stop.inputs["cluster"] == run.inputs["cluster"]


def test_starts_the_service_once_all_it_needs_is_there_and_the_data_is_loaded(program: Program) -> None:
    """The service's tasks fail until the circuit breaker gives up, or the service serves an empty table."""
    service = one(program, "aws:ecs/service:Service", "query-api")
    assert dependencies(program, service) >= _needed_by_tasks_of("query-api") | {
        "ListenerRule query-api",
        "SecurityGroupEgressRule query-api-alb-to-tasks",
        "SecurityGroupIngressRule query-api-tasks-from-alb",
        "TaskRun load-countries",
        "SecretParameter query-api-CURSOR_KEY",
    }


def test_builds_the_apis_image_without_waiting_for_the_loader(program: Program) -> None:
    """A first `pulumi up` takes minutes longer."""
    image = one(program, "docker:index/image:Image", "query-api")
    definition = one(program, "aws:ecs/taskDefinition:TaskDefinition", "query-api")
    assert "TaskRun load-countries" not in dependencies(program, image) | dependencies(program, definition)


def test_loads_again_when_the_table_was_replaced(program: Program) -> None:
    """A table that lost its rows to a new key stays empty."""
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries")
    assert run.replace_with == {one(program, "aws:keyspaces/table:Table", "load-countries-countries").urn}


def test_replaces_what_has_a_fixed_name_by_deleting_it_first(program: Program) -> None:
    """A new resource collides with the name of the old one."""
    for resource in program.resources:
        fixed = resource.type.startswith(("aws:keyspaces/", "aws:cloudwatch/dashboard:", "pulumi-python:dynamic/ssm:"))
        assert resource.delete_before_replace is fixed, resource.urn


@pytest.mark.parametrize("setting", ["true", "false"])
def test_protects_data_load_balancer_and_services_as_set(setting: str) -> None:
    """A mistaken `pulumi destroy` takes production away, or one of a dev stack fails."""
    protected = {resource.type for resource in evaluate(protect=setting).resources if resource.protect}
    assert protected == (
        {
            "aws:ecs/service:Service",
            "aws:keyspaces/keyspace:Keyspace",
            "aws:keyspaces/table:Table",
            "aws:lb/listener:Listener",
            "aws:lb/loadBalancer:LoadBalancer",
        }
        if setting == "true"
        else set()
    )


def test_keeps_a_protected_service_reachable_in_a_destroy_that_fails() -> None:
    """`pulumi destroy --skip-preview` deletes dependents first: what the service needs must be among its dependencies,
    or it goes before the service refuses."""
    program = evaluate(protect="true")
    service = one(program, "aws:ecs/service:Service", "query-api")
    needed = dependencies(program, service)
    assert one(
        evaluate(protect="true", domain="api.example.com", hostedZoneId="Z0123456789ABCDEFGHIJ"),
        "aws:route53/record:Record",
        "keyspaces-alias",
    ).protect, "nothing depends on the record, so it would go first, and the service with it for its clients"
    kinds = {each.split()[0] for each in needed}
    assert {"ListenerRule", "RolePolicy", "SecurityGroupEgressRule", "SecurityGroupIngressRule", "Table"} <= kinds


@pytest.mark.parametrize("setting", ["true", "false"])
def test_deletes_images_with_their_repository_unless_protected(setting: str) -> None:
    """`pulumi destroy` of a dev stack stops at a repository with images in it, which go on to be billed."""
    for repository in evaluate(protect=setting).of_type("aws:ecr/repository:Repository"):
        assert repository.inputs["forceDelete"] is (setting == "false")


def test_needs_no_docker_to_destroy(program: Program) -> None:
    """`pulumi destroy` without Docker ends halfway; an image goes with its repository anyway."""
    images = list(program.of_type("docker:index/image:Image"))
    assert [image.retain_on_delete for image in images] == [True] * 2


def test_declares_the_same_in_a_preview_where_nothing_is_known(program: Program) -> None:
    """The first `pulumi preview` of a new stack fails, or shows less than `pulumi up` creates."""
    preview = evaluate(computed=False)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in program.resources}
    assert preview.outputs.keys() == program.outputs.keys()
