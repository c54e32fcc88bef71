"""A microservice that keeps running: tasks behind the load balancer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.arguments import outside, refuse
from components.load_balancer import LoadBalancer
from components.network import Network, TaskAccess
from components.routing import PRIORITIES, paths_mistake
from components.target import create_target


@dataclass(frozen=True, kw_only=True)
class Service:
    """Keep `tasks` tasks running and send them the requests for `paths`.

    tasks: how many. port: what the container listens on; it is told by the PORT environment variable.
    health_check: a path that answers 200 while the task can serve.
    paths: up to five path patterns of the load balancer, such as `/*` or `/countries/*`; no other microservice may have
    the same. They must be the container's own paths: the load balancer passes a request on as it is.
    priority: of the load balancer's rule, 1 to 50000, unique at its listener; of the microservices with a path that
    matches, the one with the lowest gets the request. None derives it from the microservice's name and paths, and
    nothing else: the longer the literal beginning of its most general path, the lower, so `/countries/*` goes before
    `/*`. Set it when two microservices are refused for having the same or since one hides a path of the other, and at
    an `ExistingListener` when others' rules have it.
    after: what must be there first, such as another microservice's `completed`. Images are built without waiting.
    """

    tasks: int = 2
    port: int = 8080
    health_check: str = "/ping"
    paths: Sequence[str] = ("/*",)
    priority: int | None = None
    after: Sequence[pulumi.Resource] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        refuse(
            "Service",
            {
                "tasks": f"is {self.tasks}; it cannot be negative" if self.tasks < 0 else None,
                "paths": paths_mistake(self.paths),
                "priority": None if self.priority is None else outside(self.priority, *PRIORITIES),
            },
        )


def create_service(
    name: str,
    service: Service,
    *,
    cluster: aws.ecs.Cluster,
    task_definition: aws.ecs.TaskDefinition,
    container: str,
    network: Network,
    task_access: TaskAccess,
    load_balancer: LoadBalancer,
    depends_on: Sequence[pulumi.Resource],
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.ecs.Service:
    """An ECS service that replaces its tasks without a gap and goes back by itself when the new ones do not start."""
    target = create_target(
        name,
        load_balancer=load_balancer,
        vpc_id=network.vpc_id,
        task_security_group=task_access.security_group,
        port=service.port,
        health_check_path=service.health_check,
        paths=service.paths,
        priority=service.priority,
        tags=tags,
        parent=parent,
    )
    return aws.ecs.Service(
        name,
        cluster=cluster.arn,
        task_definition=task_definition.arn,
        launch_type="FARGATE",
        desired_count=service.tasks,
        deployment_minimum_healthy_percent=100,
        deployment_maximum_percent=200,
        deployment_circuit_breaker={"enable": True, "rollback": True},
        network_configuration={
            "subnets": network.task_subnet_ids,
            "security_groups": [task_access.security_group.id],
            "assign_public_ip": False,
        },
        load_balancers=[
            {
                "target_group_arn": target.target_group.arn,
                "container_name": container,
                "container_port": service.port,
            }
        ],
        wait_for_steady_state=False,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*target.needed_by_service, *depends_on, *service.after]),
    )
