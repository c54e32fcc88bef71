"""A microservice that keeps running: tasks behind the load balancer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.load_balancer import LoadBalancer, create_target
from components.network import Network
from components.task_access import TaskAccess


@dataclass(frozen=True, kw_only=True)
class Service:
    """Keep `tasks` tasks running and send them the requests for `paths`.

    tasks: how many. port: what the container listens on; it is told by the PORT environment variable.
    health_check: a path that answers 200 while the task can serve.
    paths: path patterns of the load balancer, at most five. priority: 1 to 50000, unique among the microservices of
    an environment; the lowest that matches gets the request.
    after: what must be there first, such as another microservice's `completed`. Images are built without waiting.
    """

    tasks: int = 2
    port: int = 8080
    health_check: str = "/ping"
    paths: Sequence[str] = ("/*",)
    priority: int = 100
    after: Sequence[pulumi.Resource] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.tasks < 0:
            raise ValueError(f"Service: tasks is {self.tasks}; it cannot be negative")
        if not 1 <= len(self.paths) <= 5:
            raise ValueError(f"Service: {len(self.paths)} paths; a load balancer rule takes 1 to 5")
        if not 1 <= self.priority <= 50_000:
            raise ValueError(f"Service: priority is {self.priority}; use 1 to 50000")


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
    opts = pulumi.ResourceOptions(parent=parent)
    target_group, rule = create_target(
        name,
        load_balancer=load_balancer,
        vpc_id=network.vpc_id,
        port=service.port,
        health_check_path=service.health_check,
        paths=service.paths,
        priority=service.priority,
        tags=tags,
        parent=parent,
    )
    from_load_balancer = [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-alb-to-tasks",
            security_group_id=load_balancer.security_group.id,
            description=f"HTTP to the tasks of {name}",
            referenced_security_group_id=task_access.security_group.id,
            ip_protocol="tcp",
            from_port=service.port,
            to_port=service.port,
            tags=dict(tags),
            opts=opts,
        ),
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-tasks-from-alb",
            security_group_id=task_access.security_group.id,
            description="HTTP from the load balancer",
            referenced_security_group_id=load_balancer.security_group.id,
            ip_protocol="tcp",
            from_port=service.port,
            to_port=service.port,
            tags=dict(tags),
            opts=opts,
        ),
    ]
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
                "target_group_arn": target_group.arn,
                "container_name": container,
                "container_port": service.port,
            }
        ],
        wait_for_steady_state=False,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[rule, *from_load_balancer, *depends_on, *service.after]),
    )
