"""Rules for every resource of the stack: tags, names, secrets."""

import inspect
import re

import pulumi_aws
import pytest

from declared.program import Program, Resource

# AWS limits of names. Pulumi makes a name of the logical name, a hyphen and seven random characters.
# Sources: IAM, Elastic Load Balancing, ECS, ECR, CloudWatch Logs and EC2 API references.
_NAME_LIMITS = {
    "aws:iam/role:Role": 64,
    "aws:iam/rolePolicy:RolePolicy": 128,
    "aws:lb/loadBalancer:LoadBalancer": 32,
    "aws:lb/targetGroup:TargetGroup": 32,
    "aws:ecs/cluster:Cluster": 255,
    "aws:ecs/service:Service": 255,
    "aws:ecr/repository:Repository": 256,
    "aws:cloudwatch/logGroup:LogGroup": 512,
    "aws:ec2/securityGroup:SecurityGroup": 255,
}
_RANDOM = 8


def _can_be_tagged(resource: Resource) -> bool:
    """True if the provider's class of this resource takes tags."""
    if resource.type == "awsx:ec2:Vpc":
        return True
    package, module, name = re.fullmatch(r"(\w+):(\w+)/\w+:(\w+)", resource.type).groups()  # type: ignore[union-attr]
    if package != "aws":
        return False
    class_ = getattr(getattr(pulumi_aws, module), name)
    return "tags" in inspect.signature(class_._internal_init).parameters


def test_tags_everything_that_can_be_tagged(program: Program) -> None:
    """Costs cannot be assigned to a stack, and resources that a stack left behind cannot be found."""
    tagged = [resource for resource in program.resources if resource.custom and ":dynamic" not in resource.type]
    taggable = [resource for resource in tagged if not resource.type.startswith("docker:") and _can_be_tagged(resource)]
    taggable += program.of_type("awsx:ec2:Vpc")
    assert len(taggable) > 30
    for resource in taggable:
        assert resource.inputs["tags"].items() >= {"Project": "keyspaces-platform", "Stack": "dev"}.items(), (
            resource.urn
        )


def test_propagates_tags_to_tasks(program: Program) -> None:
    """The tasks, which cost the most, carry no tag."""
    (service,) = program.of_type("aws:ecs/service:Service")
    assert service.inputs["propagateTags"] == "SERVICE"
    (run,) = program.of_type("pulumi-python:dynamic/ecs:TaskRun")
    assert run.inputs["tags"]["Microservice"] == "load-countries"


@pytest.mark.parametrize("type_", _NAME_LIMITS)
def test_keeps_generated_names_within_the_limit(program: Program, type_: str) -> None:
    """The update fails at this resource."""
    resources = list(program.of_type(type_))
    assert resources
    for resource in resources:
        assert len(resource.name) + _RANDOM <= _NAME_LIMITS[type_]
        # A fixed physical name would collide with another stack's resource, and with the old resource during a
        # replacement.
        assert "name" not in resource.inputs


def test_gives_every_child_its_component_as_parent(program: Program) -> None:
    """A resource is missing from its component in `pulumi stack`, and inherits neither its provider nor its
    protection.
    """
    for resource in program.resources:
        assert resource.custom is False or "keyspaces-platform:index:" in resource.parent, resource.urn


def test_names_no_secret_in_an_input_or_output(program: Program) -> None:
    """A secret is stored in the state as plain text. The registry's password is the one secret, and is marked
    as one.
    """
    secrets = {(resource.type, path) for resource in program.resources for path in resource.secrets}
    assert secrets == {("docker:index/image:Image", "registry")}
