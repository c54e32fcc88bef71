"""The cost of Fargate tasks, their monitoring and their images."""

from collections.abc import Iterator, Mapping
from typing import Any

from costs import prices
from costs.assumptions import Assumptions
from costs.data import TABLE, is_on_demand
from costs.items import Item, number, unclear
from costs.network import egress
from costs.scaling import least_by_scaling
from declared.program import Program, Resource

SERVICE = "aws:ecs/service:Service"
RUN = "pulumi-python:dynamic/ecs:TaskRun"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
_FREE_STORAGE = 20  # GB a task (Fargate pricing page)
_MINUTES = 60

# By architecture: vCPU, memory, and both on Spot.
_FARGATE = {
    "X86_64": (prices.X86_CPU, prices.X86_MEMORY, prices.X86_SPOT_CPU, prices.X86_SPOT_MEMORY),
    "ARM64": (prices.ARM_CPU, prices.ARM_MEMORY, prices.ARM_SPOT_CPU, prices.ARM_SPOT_MEMORY),
}

# Numbers of Container Insights metrics for Fargate tasks without a restart policy or a container health check, counted
# in the tables of the CloudWatch user guide ("Amazon ECS Container Insights metrics", and "... with enhanced
# observability"). UNVERIFIED: a task's metrics count for both its service and its task definition.
_INSIGHTS = {
    "enabled": ({"cluster": 12, "service": 25, "task": 0}, prices.CUSTOM_METRIC),
    "enhanced": ({"cluster": 25, "service": 51, "task": 46}, prices.ENHANCED_METRIC),
}


def service_items(service: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The tasks of an idle service: the minimum of auto scaling, or the desired count without scaling."""
    tasks = idle_tasks(service, program)
    definition = definition_of(service, "taskDefinition", program)
    spot = tasks_on_spot(service, tasks, program)
    for what, count, on_spot in (("", tasks - spot, False), (" on Spot", spot, True)):
        if count:
            yield from _fargate(f"{service.name}{what}", definition, tasks=count, on_spot=on_spot, hours=prices.HOURS)
    network = service.inputs.get("networkConfiguration") or {}
    if network.get("assignPublicIp") is True:
        yield Item(what=f"{service.name}: public IPv4 addresses", count=tasks, price=prices.PUBLIC_IPV4)


def idle_tasks(service: Resource, program: Program) -> float:
    name = service.outputs.get("name") or service.name
    desired = number(service, "desiredCount", service.inputs, 1)
    return least_by_scaling(program, "ecs:service:DesiredCount", f"/{name}", otherwise=desired)


def tasks_on_spot(service: Resource, tasks: float, program: Program) -> float:
    """The average number of tasks on Spot, maybe a fraction: `base` tasks first, the others by weight.

    A provider with weight 0 gets no task (ECS developer guide, "Amazon ECS clusters for Fargate"). Raises ProgramError
    for capacity that is not Fargate's.
    """
    strategies = _strategies(service, program)
    left, spot, weights, spot_weights = tasks, 0.0, 0.0, 0.0
    for strategy in strategies:
        provider = strategy.get("capacityProvider")
        if provider not in ("FARGATE", "FARGATE_SPOT"):
            raise unclear(service, f"capacity provider {provider!r} is not priced; FARGATE and FARGATE_SPOT are")
        weight = number(service, "weight", strategy, 0)
        base = min(left, number(service, "base", strategy, 0)) if weight else 0
        left -= base
        weights += weight
        if provider == "FARGATE_SPOT":
            spot += base
            spot_weights += weight
    return spot + (left * spot_weights / weights if weights else 0)


def _strategies(service: Resource, program: Program) -> list[Mapping[str, Any]]:
    own = service.inputs.get("capacityProviderStrategies")
    launch_type = service.inputs.get("launchType")
    if own:
        return list(own)
    if launch_type not in (None, "FARGATE"):
        raise unclear(service, f"launchType is {launch_type!r}; only FARGATE is priced")
    if launch_type is None:
        for capacity in program.of_type(_CAPACITY):
            return list(capacity.inputs.get("defaultCapacityProviderStrategies") or ())
    return []


def definition_of(resource: Resource, key: str, program: Program) -> Resource:
    return definition_of_arn(resource, resource.inputs.get(key), program)


def definition_of_arn(resource: Resource, arn: object, program: Program) -> Resource:
    """The task definition with this ARN. resource: runs its tasks; the error names it."""
    for definition in program.of_type(DEFINITION):
        if definition.outputs.get("arn") == arn:
            return definition
    raise unclear(resource, f"its task definition {arn!r} is not declared here")


def _fargate(what: str, definition: Resource, *, tasks: float, on_spot: bool, hours: float) -> Iterator[Item]:
    """The cost of `tasks` Linux tasks for `hours`, on ARM or x86."""
    platform = definition.inputs.get("runtimePlatform") or {}
    system, architecture = platform.get("operatingSystemFamily", "LINUX"), platform.get("cpuArchitecture", "X86_64")
    if system != "LINUX" or architecture not in _FARGATE:
        raise unclear(definition, f"{system} on {architecture} is not priced; only LINUX on {', '.join(_FARGATE)} is")
    cpu, memory = _FARGATE[architecture][2:] if on_spot else _FARGATE[architecture][:2]
    vcpus = number(definition, "cpu", definition.inputs) / 1024
    gigabytes = number(definition, "memory", definition.inputs) / 1024
    yield Item(what=f"{what}: vCPU, {architecture}", count=tasks * vcpus, price=cpu, hours=hours)
    yield Item(what=f"{what}: memory, {architecture}", count=tasks * gigabytes, price=memory, hours=hours)
    storage = definition.inputs.get("ephemeralStorage") or {}
    extra = number(definition, "sizeInGib", storage, _FREE_STORAGE) - _FREE_STORAGE
    if extra > 0:
        yield Item(what=f"{what}: storage", count=tasks * extra, price=prices.EPHEMERAL_STORAGE, hours=hours)


def run_items(run: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The cost of one run; `pulumi up` decides how many there are."""
    definition = definition_of(run, "task_definition", program)
    yield from run_items_of(f"{run.name}, a run", definition, program, assumptions, runs=1)


def run_items_of(
    what: str, definition: Resource, program: Program, assumptions: Assumptions, *, runs: float
) -> Iterator[Item]:
    what = f"{what} of {assumptions.run_minutes:g} min"
    hours = assumptions.run_minutes / _MINUTES
    yield from _fargate(what, definition, tasks=runs, on_spot=False, hours=hours)
    if any(is_on_demand(table) for table in program.of_type(TABLE)):
        yield Item(what=f"{what}: rows written", count=runs * assumptions.run_writes / 1e6, price=prices.WRITES)


def start_items(program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The traffic of image pulls: each starting task pulls its image, whose layers ECR stores in S3."""
    passed = egress(program, "s3")
    if passed is not None and any(program.of_type(DEFINITION)):
        yield Item(what=f"Image of each starting task, by {passed[0]}", count=assumptions.images_gb, price=passed[1])


def cluster_items(cluster: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    settings = {setting["name"]: setting["value"] for setting in cluster.inputs.get("settings") or ()}
    mode = settings.get("containerInsights", "disabled")
    if mode == "disabled":
        return
    if mode not in _INSIGHTS:
        raise unclear(cluster, f"containerInsights is {mode!r}; the known modes are disabled, {', '.join(_INSIGHTS)}")
    metrics, price = _INSIGHTS[mode]
    services = list(program.of_type(SERVICE))
    tasks = sum(idle_tasks(service, program) for service in services)
    count = metrics["cluster"] + metrics["service"] * len(services) + metrics["task"] * tasks
    yield Item(what="Container Insights, metrics", count=count, price=price)


def repository_items(repository: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    yield Item(what="Images in ECR", count=assumptions.images_gb, price=prices.IMAGE_STORAGE)
