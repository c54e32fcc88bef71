"""Microservices on Amazon Keyspaces and ECS Fargate, as Pulumi components."""

from components.access_logs import AccessLogs
from components.alarms import Alarms
from components.cluster import ExistingCluster, NewCluster
from components.environment import Environment
from components.https import Https
from components.load_balancer import ExistingListener
from components.microservice import KeyspacesMicroservice
from components.once import Once
from components.public_load_balancer import PublicLoadBalancer
from components.scaling import Scaling
from components.service import Service
from components.spot import Spot
from components.table import Table
from components.table_capacity import OnDemand, Provisioned
from components.vpc import ExistingVpc, NewVpc

__all__ = [
    "AccessLogs",
    "Alarms",
    "Environment",
    "ExistingCluster",
    "ExistingListener",
    "ExistingVpc",
    "Https",
    "KeyspacesMicroservice",
    "NewCluster",
    "NewVpc",
    "OnDemand",
    "Once",
    "Provisioned",
    "PublicLoadBalancer",
    "Scaling",
    "Service",
    "Spot",
    "Table",
]
