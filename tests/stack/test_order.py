"""The order in which resources are created and removed, and the resources that are protected from removal."""

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


def test_starts_the_loader_after_all_its_dependencies(program: Program) -> None:
    """The loader's first run on a new stack fails, and a destroy removes resources that the loader still uses."""
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries")
    assert dependencies(program, run) >= _needed_by_tasks_of("load-countries")


def test_stops_a_killed_updates_task_before_its_dependencies_are_removed(program: Program) -> None:
    """`pulumi destroy` cannot delete cluster and security group, since an unrecorded task still uses them."""
    stop = one(program, "pulumi-python:dynamic/ecs:TaskStop", "load-countries")
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries")
    assert "TaskStop load-countries" in dependencies(program, run)
    assert dependencies(program, stop) >= _needed_by_tasks_of("load-countries") - {
        "LogGroup load-countries",
        "Image load-countries",
    }
    assert stop.inputs["started_by"] == run.inputs["started_by"]
    assert stop.inputs["cluster"] == run.inputs["cluster"]


def test_starts_the_service_after_its_dependencies_and_the_load(program: Program) -> None:
    """The service's tasks fail until the circuit breaker stops the deployment, or the service serves an empty table."""
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
    """A table that a new key replaced stays empty."""
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load-countries")
    assert run.replace_with == {one(program, "aws:keyspaces/table:Table", "load-countries-countries").urn}


def test_replaces_resources_with_a_fixed_name_by_deleting_them_first(program: Program) -> None:
    """An update fails, since the new resource has the same name as the old one."""
    for resource in program.resources:
        fixed = resource.type.startswith(("aws:keyspaces/", "aws:cloudwatch/dashboard:", "pulumi-python:dynamic/ssm:"))
        assert resource.delete_before_replace is fixed, resource.urn


@pytest.mark.parametrize("setting", ["true", "false"])
def test_protects_data_load_balancer_and_services_as_set(setting: str) -> None:
    """A mistaken `pulumi destroy` deletes production, or a dev stack cannot be destroyed."""
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
    """A destroy that fails at a protected service still removes resources that the service needs.

    `pulumi destroy --skip-preview` deletes dependents first, so these resources must be the service's dependencies.
    """
    program = evaluate(protect="true")
    service = one(program, "aws:ecs/service:Service", "query-api")
    needed = dependencies(program, service)
    assert one(
        evaluate(protect="true", domain="api.example.com", hostedZoneId="Z0123456789ABCDEFGHIJ"),
        "aws:route53/record:Record",
        "keyspaces-alias",
    ).protect, (
        "nothing depends on the record, so a destroy would delete it first, and clients could not find the service"
    )
    kinds = {each.split()[0] for each in needed}
    assert {"ListenerRule", "RolePolicy", "SecurityGroupEgressRule", "SecurityGroupIngressRule", "Table"} <= kinds


@pytest.mark.parametrize("setting", ["true", "false"])
def test_deletes_images_with_their_repository_unless_protected(setting: str) -> None:
    """`pulumi destroy` of a dev stack stops at a repository with images, which are billed further."""
    for repository in evaluate(protect=setting).of_type("aws:ecr/repository:Repository"):
        assert repository.inputs["forceDelete"] is (setting == "false")


def test_needs_no_docker_to_destroy(program: Program) -> None:
    """`pulumi destroy` without Docker ends halfway, although an image is deleted with its repository anyway."""
    images = list(program.of_type("docker:index/image:Image"))
    assert [image.retain_on_delete for image in images] == [True] * 2


def test_declares_the_same_in_a_preview_where_nothing_is_known(program: Program) -> None:
    """The first `pulumi preview` of a new stack fails, or shows less than `pulumi up` creates."""
    preview = evaluate(computed=False)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in program.resources}
    assert preview.outputs.keys() == program.outputs.keys()
