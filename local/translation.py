"""Translates the declared resources into processes, tables and rules of this machine.

It refuses declarations that this machine cannot run correctly.
"""

import fnmatch
import itertools
import json
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi

from declared import aws
from declared.program import Program, Resource
from local.errors import LocalError
from local.stack_model import (
    BulkLoad,
    ContainerCheck,
    OneOff,
    Rule,
    Service,
    Stack,
    TargetGroup,
    TaskDefinition,
    TimedTask,
)
from local_keyspaces.credentials import Role
from local_keyspaces.iam import MalformedPolicy, Policy
from local_keyspaces.tables import TableSchema

_log = logging.getLogger(__name__)

S3_FOLDER = "LOCAL_S3"
"""The developer's environment variable with the folder that replaces S3; each folder in it replaces a bucket."""


def read(program: Program, root: Path, url: str) -> Stack:
    """url: the local load balancer's; it always uses plain HTTP.

    Raises LocalError for declarations that local/ does not support, and for values that only AWS knows.
    """
    task_definitions = _by(program, "aws:ecs/taskDefinition:TaskDefinition", "arn")
    images = _by(program, "docker:index/image:Image", "repoDigest")
    parameters = {_known(each, "arn") for each in program.of_type("pulumi-python:dynamic/ssm:SecretParameter")}
    roles = _by(program, "aws:iam/role:Role", "arn")
    target_groups = {
        arn: _target_group(resource) for arn, resource in _by(program, "aws:lb/targetGroup:TargetGroup", "arn").items()
    }

    networks = {aws.EXISTING_VPC_CIDR, *(_known(vpc, "cidrBlock") for vpc in program.of_type("awsx:ec2:Vpc"))}

    def task_definition(user: Resource, property_: str) -> TaskDefinition:
        return definition_of(_known(user, property_))

    def definition_of(arn: str) -> TaskDefinition:
        definition = task_definitions[arn]
        role_arn = _known(definition, "taskRoleArn")
        role, documents = _role(role_arn, roles[role_arn], program)
        dockerfile = program.component_outputs.get(definition.parent, {}).get("dockerfile")
        return _task_definition(definition, images, dockerfile, parameters, role, documents, networks, root)

    steps: list[OneOff | Service] = []
    for resource in program.resources:
        if resource.type == "pulumi-python:dynamic/ecs:TaskRun":
            steps.append(
                OneOff(
                    name=resource.name,
                    task=task_definition(resource, "task_definition"),
                    timeout=float(_known(resource, "timeout")),
                )
            )
        elif resource.type == "aws:ecs/service:Service":
            balancers = _known_value(resource.inputs.get("loadBalancers", []), f"{resource.name}: loadBalancers")
            if len(balancers) > 1:
                raise LocalError(f"service {resource.name} has {len(balancers)} load balancers; local/ supports one")
            steps.append(
                Service(
                    name=resource.name,
                    task=task_definition(resource, "taskDefinition"),
                    tasks=int(_known(resource, "desiredCount")),
                    target_group=target_groups[balancers[0]["targetGroupArn"]] if balancers else None,
                    minimum_healthy=int(resource.inputs.get("deploymentMinimumHealthyPercent", 100)),
                    maximum=int(resource.inputs.get("deploymentMaximumPercent", 200)),
                )
            )
    outputs = {name: _known_value(value, f"output {name}") for name, value in sorted(program.outputs.items())}
    return Stack(
        keyspaces=[_known(keyspace, "name") for keyspace in program.of_type("aws:keyspaces/keyspace:Keyspace")],
        tables=[_table(table) for table in program.of_type("aws:keyspaces/table:Table")],
        steps=steps,
        scheduled=[
            TimedTask(
                name=each.name,
                task=definition_of(_known(each, "target")["ecsParameters"]["taskDefinitionArn"]),
                expression=_known(each, "scheduleExpression"),
            )
            for each in program.of_type("aws:scheduler/schedule:Schedule")
            if "ecsParameters" in _known(each, "target")
        ],
        bulk_loads=[_bulk_load(job, program, roles, root) for job in program.of_type("aws:glue/job:Job")],
        rules=_rules(program, target_groups),
        outputs=_here(outputs, _declared_urls(program), url),
    )


def _declared_urls(program: Program) -> list[str]:
    """The addresses of the program's load balancers, by name or by domain."""
    environments = program.of_type("keyspaces-platform:index:Environment")
    return [
        _known_value(program.component_outputs.get(environment.urn, {}).get("url"), f"url of {environment.name}")
        for environment in environments
    ]


def _here(value: Any, declared_urls: Sequence[str], url: str) -> Any:
    """`value`, with the local load balancer's URL in place of the declared load balancers' URLs."""
    if isinstance(value, Mapping):
        return {key: _here(item, declared_urls, url) for key, item in value.items()}
    if isinstance(value, list):
        return [_here(item, declared_urls, url) for item in value]
    for declared in declared_urls:
        if isinstance(value, str) and (value == declared or value.startswith(f"{declared}/")):
            return url + value.removeprefix(declared)
    return value


# The argument of aws.keyspaces.Table for each custom property of Keyspaces.
_SWITCHES = {
    "client_side_timestamps": "clientSideTimestamps",
    "point_in_time_recovery": "pointInTimeRecovery",
    "ttl": "ttl",
}


def _table(resource: Resource) -> TableSchema:
    schema = _known(resource, "schemaDefinition")
    return TableSchema(
        keyspace=_known(resource, "keyspaceName"),
        name=_known(resource, "tableName"),
        columns={column["name"]: column["type"] for column in schema["columns"]},
        partition_key=[column["name"] for column in schema["partitionKeys"]],
        clustering_key={column["name"]: column["orderBy"] for column in schema.get("clusteringKeys", [])},
        static=frozenset(column["name"] for column in schema.get("staticColumns", [])),
        properties={
            property_: {"status": resource.inputs[argument]["status"].lower()}
            for property_, argument in _SWITCHES.items()
            if argument in resource.inputs
        },
        default_time_to_live=int(resource.inputs.get("defaultTimeToLive", 0)),
    )


def _role(arn: str, role: Resource, program: Program) -> tuple[Role, Sequence[str]]:
    """The role, and the documents of its policies."""
    name = _known_value(role.outputs.get("name"), f"{role.type} {role.name}: name")
    if "permissionsBoundary" in role.inputs:
        raise LocalError(f"role {role.name} has a permissions boundary, which local/ does not evaluate")
    policies, documents = [], []
    for policy in program.of_type("aws:iam/rolePolicy:RolePolicy"):
        if _known(policy, "role") == name:
            try:
                document = _known(policy, "policy")
                policies.append(Policy.parse(document, policy.name))
                documents.append(document)
            except MalformedPolicy as error:
                raise LocalError(f"role {role.name}: {error}") from None
    for attachment in program.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        if _known(attachment, "role") == name:
            _log.warning("role %s: its managed policy is not known here and allows nothing", role.name)
    return Role(arn=arn, policies=tuple(policies)), documents


def _bulk_load(job: Resource, program: Program, roles: Mapping[str, Resource], root: Path) -> BulkLoad:
    role_arn = _known(job, "roleArn")
    role, _ = _role(role_arn, roles[role_arn], program)
    files = {
        f"s3://{_known(each, 'bucket')}/{_known(each, 'key')}": root / _known(each, "source").path
        for each in program.of_type("aws:s3/bucketObjectv2:BucketObjectv2")
    }
    arguments = dict(_known(job, "defaultArguments"))
    try:
        jars = [files[jar] for jar in arguments.pop("--extra-jars").split(",")]
        script = files[_known(job, "command")["scriptLocation"]]
    except KeyError as missing:
        raise LocalError(f"job {job.name}: this program does not declare {missing}") from None
    return BulkLoad(name=job.name, program=script, jars=jars, arguments=arguments, role=role)


def _sources(dockerignore: Path) -> Sequence[str]:
    """The paths that a .dockerignore includes by lines with `!`; empty without such lines, which means all paths."""
    if not dockerignore.is_file():
        return ()
    return [line[1:].strip().rstrip("/") for line in dockerignore.read_text().splitlines() if line.startswith("!")]


def _task_definition(
    resource: Resource,
    images: Mapping[str, Resource],
    dockerfile: str | None,
    parameters: Collection[str],
    role: Role,
    documents: Sequence[str],
    networks: Collection[str],
    root: Path,
) -> TaskDefinition:
    containers = json.loads(_known(resource, "containerDefinitions"))
    own = [container for container in containers if len(containers) == 1 or container.get("name") == resource.name]
    if len(own) != 1:
        raise LocalError(
            f"task definition {resource.name} has {len(containers)} containers; local/ supports one, with its name"
        )
    (container,) = own
    for beside in containers:
        if beside is not container:
            _log.warning("%s: its sidecar %s does not run here", resource.name, beside["name"])
    image = images.get(container["image"])
    if image is not None:
        build = _known(image, "build")
    elif dockerfile is not None:
        build = {"context": Path(dockerfile).parent, "dockerfile": dockerfile}
        _log.warning("%s runs the source of %s here, and %s on AWS", container["name"], dockerfile, container["image"])
    else:
        raise LocalError(
            f"task definition {resource.name}: its image {container['image']} is not built by this program, so it"
            " cannot run here: give the microservice a dockerfile too, and its source runs here"
        )
    sources = {secret["name"]: secret["valueFrom"] for secret in container.get("secrets", [])}
    secrets = {variable: source for variable, source in sources.items() if source in parameters}
    given = sorted(sources.keys() - secrets.keys())
    for variable in given:
        if given_variable(variable) not in os.environ:
            raise LocalError(
                f"task definition {resource.name}: its secret {variable} is in {sources[variable]}, which is not read"
                f" here: set the environment variable {given_variable(variable)} to a value for this machine, and start"
                " again"
            )
    return TaskDefinition(
        container=container["name"],
        command=[_place_here(word, resource.name) for word in container["command"]],
        environment={
            variable["name"]: _network_here(variable["value"], networks) for variable in container["environment"]
        },
        secrets=secrets,
        given_secrets=given,
        role=role,
        directory=(root / build["context"]).resolve(),
        stop_timeout=float(container["stopTimeout"]),
        sources=_sources(root / f"{build['dockerfile']}.dockerignore"),
        check=_check(container["healthCheck"]) if "healthCheck" in container else None,
        revision=json.dumps([container, documents], sort_keys=True),
    )


def _check(declared: Mapping[str, Any]) -> ContainerCheck:
    """The health check; a missing value is ECS's default (ECS API reference, HealthCheck)."""
    kind, *command = declared["command"]
    return ContainerCheck(
        command=["/bin/sh", "-c", *command] if kind == "CMD-SHELL" else command,
        interval=float(declared.get("interval", 30)),
        timeout=float(declared.get("timeout", 5)),
        retries=int(declared.get("retries", 3)),
        grace_period=float(declared.get("startPeriod", 0)),
    )


def _place_here(word: str, task: str) -> str:
    """A word of a command; `s3://bucket/key` becomes a path in the folder that replaces S3."""
    if not word.startswith("s3://"):
        return word
    name, folder = word.removeprefix("s3://"), os.environ.get(S3_FOLDER)
    if folder is None:
        raise LocalError(
            f"task definition {task}: its command names {word}, and S3 is not read here: set the environment variable"
            f" {S3_FOLDER} to a folder that has {name}, and start again"
        )
    place = (Path(folder) / name).resolve()
    if not place.exists():
        raise LocalError(f"task definition {task}: its command names {word}, and {place} does not exist")
    return str(place)


def given_variable(secret: str) -> str:
    """The developer's environment variable with the value of a secret. It is not the secret's own name: a variable that
    a shell happens to have, such as a production password, would get into tasks of this machine."""
    return f"LOCAL_SECRET_{secret}"


def _network_here(value: str, networks: Collection[str]) -> str:
    """`value`, with the loopback network in place of the VPC, because the local load balancer is on the loopback."""
    return "127.0.0.0/8" if value and all(cidr in networks for cidr in value.split(",")) else value


def _target_group(resource: Resource) -> TargetGroup:
    check = _known(resource, "healthCheck")
    return TargetGroup(
        name=resource.name,
        path=check["path"],
        interval=float(check["interval"]),
        timeout=float(check["timeout"]),
        unhealthy_threshold=int(check["unhealthyThreshold"]),
        deregistration_delay=float(resource.inputs.get("deregistrationDelay", 300)),
    )


def _rules(program: Program, target_groups: Mapping[str, TargetGroup]) -> list[Rule]:
    """The listener rules in the order of their evaluation."""
    resources = program.of_type("aws:lb/listenerRule:ListenerRule")
    rules = sorted((_rule(resource, target_groups) for resource in resources), key=lambda rule: rule.priority)
    for before, behind in itertools.combinations(rules, 2):
        for taken, path in itertools.product(before.paths, behind.paths):
            # Without hosts the first rule gets these requests on AWS too, so the program is responsible for it.
            if before.for_hosts and fnmatch.fnmatchcase(path, taken.replace("?", "[!*]")):
                raise LocalError(
                    f"listener rules: {path} of {behind.target_group.name} gets no request here, because local/ ignores"
                    f" hosts and {taken} of {before.target_group.name} matches first; declare only one of them in the"
                    " stack that runs here"
                )
    return rules


def _rule(resource: Resource, target_groups: Mapping[str, TargetGroup]) -> Rule:
    conditions, actions = _known(resource, "conditions"), _known(resource, "actions")
    kinds = sorted(kind for condition in conditions for kind in condition)
    if kinds not in (["pathPattern"], ["hostHeader", "pathPattern"]) or len(actions) != 1:
        raise LocalError(
            f"listener rule {resource.name}: local/ supports one path-pattern condition, an optional host condition,"
            " and one forward action"
        )
    (paths,) = (condition["pathPattern"]["values"] for condition in conditions if "pathPattern" in condition)
    return Rule(
        priority=int(_known(resource, "priority")),
        paths=paths,
        target_group=target_groups[_forwarded_to(actions[0])],
        for_hosts="hostHeader" in kinds,
    )


def _forwarded_to(action: Mapping[str, Any]) -> str:
    """The target group's ARN. If deployments move requests between two target groups, the one that gets them first:
    here new tasks always replace old ones in it."""
    if "targetGroupArn" in action:
        return str(action["targetGroupArn"])
    return str(max(action["forward"]["targetGroups"], key=lambda group: int(group["weight"]))["arn"])


def _by(program: Program, type_: str, output: str) -> dict[str, Resource]:
    return {
        _known_value(resource.outputs.get(output), f"{resource.type} {resource.name}: {output}"): resource
        for resource in program.of_type(type_)
    }


def _known(resource: Resource, property_: str) -> Any:
    return _known_value(resource.inputs.get(property_), f"{resource.type} {resource.name}: {property_}")


def _known_value(value: Any, what: str) -> Any:
    if value is None or _has_unknown(value):
        raise LocalError(f"{what} depends on a value that only AWS computes; declared/aws.py must compute it too")
    return value


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_has_unknown, value))
    return isinstance(value, pulumi.output.Unknown)
