"""Microservices on Amazon Keyspaces and ECS Fargate, as Pulumi components."""

from components.access_logs import AccessLogs
from components.environment import Environment
from components.https import Https
from components.load_balancer import ExistingListener
from components.microservice import KeyspacesMicroservice
from components.once import Once
from components.public_load_balancer import PublicLoadBalancer
from components.service import Service
from components.table import Table

__all__ = [
    "AccessLogs",
    "Environment",
    "ExistingListener",
    "Https",
    "KeyspacesMicroservice",
    "Once",
    "PublicLoadBalancer",
    "Service",
    "Table",
]
