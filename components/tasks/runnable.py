"""The parts that are needed to run tasks of a microservice, as a service or once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.cluster import Cluster
from components.network.network import Network
from components.network.task_access import TaskAccess


@dataclass(frozen=True, kw_only=True)
class RunnableTask:
    """container: the name of the program's container in `task_definition`. log_group: of its log.

    needs: the resources that must exist before a task starts, and until the last task has stopped.
    """

    cluster: Cluster
    task_definition: aws.ecs.TaskDefinition
    container: str
    log_group: aws.cloudwatch.LogGroup
    network: Network
    access: TaskAccess
    needs: Sequence[pulumi.Resource]
