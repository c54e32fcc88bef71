"""A microservice that keeps running: tasks behind the load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import outside, raise_for
from components.load_balancing.load_balancer import LoadBalancer
from components.load_balancing.routing import PRIORITIES, hosts_mistake, paths_mistake
from components.load_balancing.target import Target, create_target
from components.monitoring.alarms import Alarms
from components.monitoring.service_alarms import create_task_alarm, create_traffic_alarms, deployment_alarms
from components.service.circuit_breaker import CircuitBreaker
from components.service.configuration import ServiceConfiguration
from components.service.deployment import Deployment
from components.service.ecs_service import create_ecs_service
from components.service.scaling import Scaling, ServiceScaling, check_min_tasks, create_scaling, least_tasks
from components.service.spot import Spot
from components.service.strategy import Strategy, strategy_mistake
from components.service.tracing import Tracing
from components.service.traffic_shift import TrafficShift, create_traffic_shift
from components.tasks.runnable import RunnableTask

# The second target group's name has two characters more; see `check_name`.
_LONGEST_NAME = 22


@dataclass(frozen=True, kw_only=True)
class Service:
    """Keeps `tasks` tasks running and sends them the requests for `paths` of `hosts`.

    tasks: the number of tasks; with `scaling`, the minimum.
    port: the port that the container listens on; the environment variable PORT has it.
    health_check: a path that answers 200 while the task can serve.
    grace_period: seconds a new task has before a failing health check counts against it.
    paths: up to five path patterns of the load balancer, such as `/*` or `/orders/*`; no other microservice may have
    the same path of the same host. They must be the container's own paths: the load balancer does not change them.
    hosts: host header patterns, such as `api.example.com` or `*.example.com`, in lower case, which match capitals,
    too; at most five together with `paths`. Empty means any host. DNS must point them to the load balancer, and its
    certificate must cover them. The environment's URL answers only if its host is one of them. Clients of a port other
    than 80 and 443 never match, since they send the port in the header (Terraform AWS provider,
    "aws_lb_listener_rule").
    priority: of the load balancer's rule, 1 to 50000, unique at its listener; if several microservices match a path and
    host, the one with the lowest number gets the request. None derives it only from the microservice's name, hosts and
    paths: rules with hosts go first, those without wildcards before others; then, the longer the literal beginning of
    the most general path, the lower the number, so `/orders/*` goes before `/*`. Set it when two microservices are
    refused because they have the same priority or one hides a path of the other, and at an `ExistingListener` where
    another rule has the same priority.
    scaling: run more tasks when they are busy. spot: run some on Fargate Spot.
    strategy: `BlueGreen`, `Linear` or `Canary`: move the requests to new tasks while the old ones still run; None is a
    rolling update. A strategy needs a check of the new tasks: `Alarms(rollback=True)`, or hooks.
    circuit_breaker: when ECS stops a rolling deployment; None for ECS's own threshold.
    tracing: send traces to X-Ray; None for none.
    exec: let `aws ecs execute-command` into the tasks; see `create_task_definition` for the cost.
    deployment_timeout: seconds that `pulumi up` waits for ECS to complete a deployment, until it fails. ECS itself
    stops a deployment and rolls back when three or more tasks in a row do not become healthy.
    after: resources that must exist first, such as another microservice's `completed`. Images are built without waiting
    for them.
    """

    tasks: int = 2
    port: int = 8080
    health_check: str = "/ping"
    grace_period: int = 60
    paths: Sequence[str] = ("/*",)
    hosts: Sequence[str] = ()
    priority: int | None = None
    scaling: Scaling | None = None
    spot: Spot | None = None
    strategy: Strategy | None = None
    circuit_breaker: CircuitBreaker | None = None
    tracing: Tracing | None = None
    exec: bool = False
    deployment_timeout: int = 1800
    after: Sequence[pulumi.Resource] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        raise_for(
            "Service",
            {
                "tasks": outside(self.tasks, 0, 5000),
                "port": outside(self.port, 1, 65_535),
                "health_check": None if self.health_check.startswith("/") else "must begin with /",
                "grace_period": outside(self.grace_period, 0, 2_147_483_647, "seconds"),
                "paths": paths_mistake(self.paths),
                "hosts": hosts_mistake(self.hosts, self.paths),
                "priority": None if self.priority is None else outside(self.priority, *PRIORITIES),
                "deployment_timeout": outside(self.deployment_timeout, 60, 36_000, "seconds"),
                "circuit_breaker": "is for deployments without `strategy`; ECS ignores it with one (ECS API reference)"
                if self.circuit_breaker and self.strategy
                else None,
                "strategy": strategy_mistake(
                    self.strategy,
                    deployment_timeout=self.deployment_timeout,
                    scales_by_requests=self.scaling is not None and self.scaling.requests is not None,
                ),
            },
        )
        if self.scaling:
            check_min_tasks(self.scaling, self.tasks)


@dataclass(frozen=True, kw_only=True)
class RunningService:
    """A service with its resources. deployment: exists once ECS has completed the deployment.

    target: None for a worker. alarms: by kind, `errors`, `latency`, `unhealthy` and `tasks`, of a worker `tasks` alone;
    none without `Alarms`. traffic: of a `strategy`.
    """

    service: aws.ecs.Service
    deployment: Deployment
    target: Target | None
    traffic: TrafficShift | None
    scaling: ServiceScaling | None
    alarms: Mapping[str, aws.cloudwatch.MetricAlarm]


def create_service(
    name: str,
    service: Service,
    *,
    task: RunnableTask,
    load_balancer: LoadBalancer,
    alarms: Alarms | None,
    account: Account,
    protect: bool,
    path: str | None,
    boundary_arn: pulumi.Input[str] | None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> RunningService:
    """An ECS service that replaces its tasks without a gap and rolls back when the new tasks do not start.

    protect: see `create_ecs_service`. The listener's rule is not protected itself: a change from HTTP to HTTPS replaces
    it, since it belongs to one listener. path, boundary_arn: of the roles that a `strategy` needs.
    """
    strategy = service.strategy
    raise_for(name, {"run": _unchecked_strategy(name, service, alarms)})
    target = create_target(
        name,
        load_balancer=load_balancer,
        vpc_id=task.network.vpc_id,
        task_security_group=task.access.security_group,
        port=service.port,
        health_check_path=service.health_check,
        hosts=service.hosts,
        paths=service.paths,
        priority=service.priority,
        moves_requests=strategy is not None,
        tags=tags,
        parent=parent,
    )
    traffic_alarms = (
        create_traffic_alarms(
            name,
            alarms,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_groups=target.target_groups,
            tags=tags,
            parent=parent,
        )
        if alarms
        else {}
    )
    traffic = (
        create_traffic_shift(
            name,
            strategy,
            listener_arn=load_balancer.listener_arn,
            target=target,
            path=path,
            boundary_arn=boundary_arn,
            account=account,
            tags=tags,
            parent=parent,
        )
        if strategy
        else None
    )
    configuration = ServiceConfiguration(
        spot=service.spot,
        network=task.network,
        security_group=task.access.security_group,
        target_group=target.target_group,
        container=task.container,
        port=service.port,
        grace_period=service.grace_period,
        exec=service.exec,
        alarms=deployment_alarms(alarms, traffic_alarms),
        traffic=traffic,
    )
    deployed = create_ecs_service(
        name,
        configuration,
        circuit_breaker=service.circuit_breaker,
        task=task,
        tasks=service.tasks,
        scaled=service.scaling is not None,
        deployment_timeout=service.deployment_timeout,
        depends_on=[
            *target.needed_by_service,
            *(traffic.needed_by_service if traffic else []),
            *service.after,
        ],
        account=account,
        protect=protect,
        tags=tags,
        parent=parent,
    )
    scaling = (
        create_scaling(
            name,
            service.scaling,
            cluster_name=task.cluster.name,
            service=deployed.service,
            min_tasks=service.tasks,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group=target.target_group,
            depends_on=[target.rule],
            tags=tags,
            parent=parent,
        )
        if service.scaling
        else None
    )
    task_alarm = (
        create_task_alarm(
            name,
            alarms,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_groups=target.target_groups,
            cluster_name=task.cluster.name,
            service_name=deployed.service.name,
            min_tasks=least_tasks(service.tasks, service.scaling),
            container_insights=task.cluster.container_insights,
            tags=tags,
            parent=parent,
        )
        if alarms
        else None
    )
    return RunningService(
        service=deployed.service,
        deployment=deployed.deployment,
        target=target,
        traffic=traffic,
        scaling=scaling,
        alarms={**traffic_alarms, **({"tasks": task_alarm} if task_alarm else {})},
    )


def _unchecked_strategy(name: str, service: Service, alarms: Alarms | None) -> str | None:
    """The mistake, if this microservice cannot have its `strategy`."""
    if service.strategy is None:
        return None
    if len(name) > _LONGEST_NAME:
        return f"has a strategy, which needs a name of at most {_LONGEST_NAME} characters, for its second target group"
    if not service.strategy.hooks and not (alarms and alarms.rollback):
        return "has a strategy, but nothing that checks the new tasks: give it hooks, or Alarms(rollback=True)"
    return None
