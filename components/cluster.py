"""The ECS cluster that the tasks run in: a new one or an existing one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import none_of, raise_for
from components.arns import ArnForm

ContainerInsights = Literal["disabled", "enabled", "enhanced"]

_CLUSTER = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9_-]{1,255}"),
    example="arn:aws:ecs:us-east-1:123456789012:cluster/shared",
)


@dataclass(frozen=True, kw_only=True)
class NewCluster:
    """A new cluster for the environment alone, with Fargate and Fargate Spot.

    container_insights: CloudWatch metrics of tasks and services, with `enhanced` of containers, too; billed by metric.
    """

    container_insights: ContainerInsights = "disabled"

    def __post_init__(self) -> None:
        raise_for("NewCluster", {"container_insights": none_of(self.container_insights, ContainerInsights)})


@dataclass(frozen=True, kw_only=True)
class ExistingCluster:
    """An existing cluster. It must have FARGATE among its capacity providers, and FARGATE_SPOT for `Spot`.

    arn: `arn:aws:ecs:<region>:<account>:cluster/<name>`, in the stack's region.
    container_insights: whether the cluster has Container Insights; the alarm on running tasks is more exact with them.
    """

    arn: str
    container_insights: bool = False

    def __post_init__(self) -> None:
        raise_for("ExistingCluster", {"arn": _CLUSTER.mistake(self.arn)})

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """cluster, capacity_providers: None if the cluster is not the environment's own."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    container_insights: bool
    cluster: aws.ecs.Cluster | None = None
    capacity_providers: aws.ecs.ClusterCapacityProviders | None = None


def create_cluster(
    name: str,
    options: NewCluster | ExistingCluster,
    *,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Cluster:
    if isinstance(options, ExistingCluster):
        return Cluster(
            arn=_CLUSTER.in_region("ExistingCluster", "arn", options.arn, account),
            name=pulumi.Output.from_input(options.name),
            container_insights=options.container_insights,
        )
    cluster = aws.ecs.Cluster(
        name,
        settings=[{"name": "containerInsights", "value": options.container_insights}],
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    capacity_providers = create_capacity_providers(name, cluster, parent=parent)
    # A resource that uses this ARN depends on the capacity providers, too.
    arn = pulumi.Output.all(cluster.arn, capacity_providers.id).apply(lambda outputs: str(outputs[0]))
    return Cluster(
        arn=arn,
        name=cluster.name,
        container_insights=options.container_insights != "disabled",
        cluster=cluster,
        capacity_providers=capacity_providers,
    )


def create_capacity_providers(
    name: str, cluster: aws.ecs.Cluster, *, parent: pulumi.Resource
) -> aws.ecs.ClusterCapacityProviders:
    """Associates Fargate and Fargate Spot with `cluster`, so that its services can run on them.

    Every service must depend on the result, even one without Spot: it may have used Spot before, and a capacity
    provider in use cannot be removed from a cluster. No default strategy is set, because ECS would copy it to a service
    that names none, and the aws provider would report the copy as a change (hashicorp/terraform-provider-aws#44776).
    """
    return aws.ecs.ClusterCapacityProviders(
        name,
        cluster_name=cluster.name,
        capacity_providers=["FARGATE", "FARGATE_SPOT"],
        opts=pulumi.ResourceOptions(parent=parent),
    )
