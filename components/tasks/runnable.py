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
    """container: the name of the one in `task_definition`. log_group: where it writes.

    needs: what must be there before a task starts, and until the last one is gone.
    """

    cluster: Cluster
    task_definition: aws.ecs.TaskDefinition
    container: str
    log_group: aws.cloudwatch.LogGroup
    network: Network
    access: TaskAccess
    needs: Sequence[pulumi.Resource]
