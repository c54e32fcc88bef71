"""Microservices on Amazon Keyspaces and ECS Fargate, as Pulumi components.

The errors. Each message says what to do; Pulumi shows the first two without a traceback:

arguments.InvalidArguments               arguments that AWS would refuse, or that contradict each other
tasks.image.DockerUnavailable            images are declared, and Docker does not answer or is too old
once.task_execution.TaskFailed           a one-off task did not exit with 0 in time
bulk.job_execution.BulkLoadFailed        a bulk load did not write every row in time
service.deployment_check.DeploymentFailed  ECS rolled the deployment back, or did not finish it in time
secrets.parameter.ParameterRefused       a parameter of this name belongs to somebody else
tasks.interruption.Interrupted           the update was cancelled while a provider waited
"""

from components.bulk.bulk_load import KeyspacesBulkLoad
from components.cluster import ExistingCluster, NewCluster
from components.environment import Environment
from components.guardduty import GuardDutyAgent
from components.load_balancing.access_logs import AccessLogs
from components.load_balancing.https import Https
from components.load_balancing.load_balancer import ExistingListener
from components.load_balancing.public_load_balancer import PublicLoadBalancer
from components.microservice import KeyspacesMicroservice
from components.monitoring.alarms import Alarms
from components.network.vpc import ExistingVpc, NewVpc
from components.once.once import Once
from components.scheduled.scheduled import Scheduled
from components.secrets.existing import ExistingParameter, ExistingSecret
from components.service.circuit_breaker import CircuitBreaker
from components.service.hooks import LambdaHook, Pause
from components.service.scaling import Scaling, ScheduledScaling
from components.service.service import Service
from components.service.spot import Spot
from components.service.strategy import BlueGreen, Canary, Linear
from components.service.tracing import Tracing
from components.service.worker import Worker
from components.tables.capacity import OnDemand, Provisioned
from components.tables.idempotency import idempotency_table
from components.tables.table import Table
from components.tables.use import read, write
from components.tasks.image import ExistingImage
from components.tasks.s3_source import S3Source
from components.tasks.sidecar import Sidecar

__all__ = [
    "AccessLogs",
    "Alarms",
    "BlueGreen",
    "Canary",
    "CircuitBreaker",
    "Environment",
    "ExistingCluster",
    "ExistingImage",
    "ExistingListener",
    "ExistingParameter",
    "ExistingSecret",
    "ExistingVpc",
    "GuardDutyAgent",
    "Https",
    "KeyspacesBulkLoad",
    "KeyspacesMicroservice",
    "LambdaHook",
    "Linear",
    "NewCluster",
    "NewVpc",
    "OnDemand",
    "Once",
    "Pause",
    "Provisioned",
    "PublicLoadBalancer",
    "S3Source",
    "Scaling",
    "Scheduled",
    "ScheduledScaling",
    "Service",
    "Sidecar",
    "Spot",
    "Table",
    "Tracing",
    "Worker",
    "idempotency_table",
    "read",
    "write",
]
