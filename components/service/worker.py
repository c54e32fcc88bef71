"""A microservice that keeps running without a load balancer: tasks that fetch their work themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.account import Account
from components.arguments import outside, raise_for
from components.monitoring.alarms import Alarms
from components.monitoring.service_alarms import create_worker_alarm
from components.service.circuit_breaker import CircuitBreaker
from components.service.configuration import ServiceConfiguration
from components.service.ecs_service import create_ecs_service
from components.service.scaling import Scaling, check_min_tasks, create_scaling, least_tasks
from components.service.service import RunningService
from components.service.spot import Spot
from components.tasks.runnable import RunnableTask


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Keeps `tasks` tasks running that get no requests: they take their work from a queue, a stream or a table.

    tasks: the number of tasks; with `scaling`, the minimum.
    health_check: a command that exits with 0 while the container works, such as `["python", "-m", "worker.check"]`;
    ECS runs it in the container every 30 seconds, and replaces a task in which it fails three times. Empty: a task is
    healthy while it runs. During a deployment ECS waits for the check, which so detects tasks that start but cannot
    work; without a check, a deployment is completed as soon as its tasks run.
    grace_period: seconds a new task has before a failing health check counts against it, up to 300.
    scaling: run more tasks when they are busy; by CPU or memory, since there are no requests to count.
    spot: run some on Fargate Spot. exec: let `aws ecs execute-command` into the tasks. circuit_breaker,
    deployment_timeout, after: see `Service`.

    On SIGTERM a task has 40 seconds to finish its work or to give it back.

    Raises InvalidArguments.
    """

    tasks: int = 1
    health_check: Sequence[str] = ()
    grace_period: int = 60
    scaling: Scaling | None = None
    spot: Spot | None = None
    circuit_breaker: CircuitBreaker | None = None
    exec: bool = False
    deployment_timeout: int = 1800
    after: Sequence[pulumi.Resource] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        raise_for(
            "Worker",
            {
                "tasks": outside(self.tasks, 0, 5000),
                "health_check": f"is one string, {self.health_check!r}; give a list of words"
                if isinstance(self.health_check, str)
                else None,
                "grace_period": outside(self.grace_period, 0, 300, "seconds"),  # ECS API reference, HealthCheck
                "scaling": "has `requests`, but no load balancer counts requests for a worker; scale by cpu or memory"
                if self.scaling and self.scaling.requests is not None
                else None,
                "deployment_timeout": outside(self.deployment_timeout, 60, 36_000, "seconds"),
            },
        )
        if self.scaling:
            check_min_tasks(self.scaling, self.tasks, of="Worker")


def create_worker(
    name: str,
    worker: Worker,
    *,
    task: RunnableTask,
    alarms: Alarms | None,
    account: Account,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> RunningService:
    """An ECS service without target group. protect: see `create_ecs_service`."""
    deployed = create_ecs_service(
        name,
        ServiceConfiguration(
            spot=worker.spot,
            network=task.network,
            security_group=task.access.security_group,
            target_group=None,
            container=task.container,
            port=None,
            grace_period=None,
            exec=worker.exec,
            alarms=None,
            traffic=None,
        ),
        circuit_breaker=worker.circuit_breaker,
        task=task,
        tasks=worker.tasks,
        scaled=worker.scaling is not None,
        deployment_timeout=worker.deployment_timeout,
        depends_on=worker.after,
        account=account,
        protect=protect,
        tags=tags,
        parent=parent,
    )
    scaling = (
        create_scaling(
            name,
            worker.scaling,
            cluster_name=task.cluster.name,
            service=deployed.service,
            min_tasks=worker.tasks,
            load_balancer_arn_suffix=None,
            target_group=None,
            depends_on=[],
            tags=tags,
            parent=parent,
        )
        if worker.scaling
        else None
    )
    alarm = (
        create_worker_alarm(
            name,
            alarms,
            cluster_name=task.cluster.name,
            service_name=deployed.service.name,
            min_tasks=least_tasks(worker.tasks, worker.scaling),
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
        target=None,
        traffic=None,
        scaling=scaling,
        alarms={"tasks": alarm} if alarm else {},
    )
