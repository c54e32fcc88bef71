"""A network and the policies of its endpoints, without an environment."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from components import ExistingVpc, NewVpc
from components.account import Account
from components.network.network import create_network
from components.network.task_access import create_task_access
from declared.program import Program
from tests.evaluation import declare

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def declared(options: NewVpc | ExistingVpc, *, keyspace: str = "shop", computed: bool = True) -> Program:
    """The network, the permissions of one microservice in it, and a service that stands for the microservice's
    tasks.
    """

    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        network = create_network(
            "env", options, account=Account.of(parent), keyspace=keyspace, tags={"Stack": "dev"}, parent=parent
        )
        access = create_task_access("api", network=network, tags={"Stack": "dev"}, parent=parent)
        aws.ecs.Service(
            "tasks",
            network_configuration={
                "subnets": network.task_subnet_ids,
                "security_groups": [access.security_group.id],
                "assign_public_ip": network.assign_public_ip,
            },
            opts=pulumi.ResourceOptions(depends_on=access.rules),
        )
        pulumi.export("public_subnet_ids", network.public_subnet_ids)
        pulumi.export("vpc_id", network.vpc_id)
        pulumi.export("sessions", network.sessions)
        pulumi.export("parameters", network.parameters)
        pulumi.export("cidr_blocks", network.cidr_blocks)
        pulumi.export("endpoints", sorted(network.endpoints))

    return declare(run, computed=computed)


def policies(program: Program) -> dict[str, dict[str, Any]]:
    """The endpoint policies, by the service's short name."""
    return {
        endpoint.inputs["serviceName"].removeprefix("com.amazonaws.us-east-1."): json.loads(endpoint.inputs["policy"])
        for endpoint in program.of_type(ENDPOINT)
    }
