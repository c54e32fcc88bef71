"""Microservices on Amazon Keyspaces and ECS Fargate, as Pulumi components."""

from components.environment import Environment
from components.microservice import KeyspacesMicroservice
from components.once import Once
from components.service import Service
from components.table import Table
from components.vpc import ExistingVpc, NewVpc

__all__ = ["Environment", "ExistingVpc", "KeyspacesMicroservice", "NewVpc", "Once", "Service", "Table"]
