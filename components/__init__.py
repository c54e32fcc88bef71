"""Microservices on Amazon Keyspaces and ECS Fargate, as Pulumi components."""

from components.cluster import ExistingCluster, NewCluster
from components.environment import Environment
from components.load_balancing.access_logs import AccessLogs
from components.load_balancing.https import Https
from components.load_balancing.load_balancer import ExistingListener
from components.load_balancing.public_load_balancer import PublicLoadBalancer
from components.microservice import KeyspacesMicroservice
from components.monitoring.alarms import Alarms
from components.network.vpc import ExistingVpc, NewVpc
from components.once.once import Once
from components.service.scaling import Scaling
from components.service.service import Service
from components.service.spot import Spot
from components.tables.capacity import OnDemand, Provisioned
from components.tables.table import Table

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
