"""The settings that ECS deploys besides the task definition, for Pulumi's service and for ECS's own API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws

from components.network.network import Network
from components.service.spot import Spot, launch_arguments
from components.service.traffic_shift import TrafficShift


@dataclass(frozen=True, kw_only=True)
class ServiceConfiguration:
    """These settings. A rollback reverts them in ECS, but not in Pulumi's state, so the next deployment must send them
    again (ECS developer guide, "Properties included in an Amazon ECS service revision").

    target_group, port, grace_period: None for a service without load balancer. traffic: how deployments move requests;
    None for rolling updates.
    """

    spot: Spot | None
    network: Network
    security_group: aws.ec2.SecurityGroup
    target_group: aws.lb.TargetGroup | None
    container: str
    port: int | None
    grace_period: int | None
    exec: bool
    alarms: aws.ecs.ServiceAlarmsArgsDict | None
    traffic: TrafficShift | None

    def for_service(self) -> dict[str, Any]:
        """Arguments of aws.ecs.Service."""
        return {
            **launch_arguments(self.spot),
            "network_configuration": {
                "subnets": self.network.task_subnet_ids,
                "security_groups": [self.security_group.id],
                "assign_public_ip": self.network.assign_public_ip,
            },
            "load_balancers": [
                {
                    "target_group_arn": self.target_group.arn,
                    "container_name": self.container,
                    "container_port": self.port,
                    **({"advanced_configuration": self.traffic.for_load_balancer()} if self.traffic else {}),
                }
            ]
            if self.target_group is not None
            else None,
            "health_check_grace_period_seconds": self.grace_period,
            "deployment_minimum_healthy_percent": 100,
            "deployment_maximum_percent": 200,
            **({"deployment_configuration": self.traffic.for_service()} if self.traffic else {}),
            # For rolling updates only, according to the ECS API reference (DeploymentCircuitBreaker); for blue/green,
            # too, according to the developer guide ("Amazon ECS deployment failure detection"). UNVERIFIED.
            "deployment_circuit_breaker": {"enable": True, "rollback": True},
            "alarms": self.alarms,
            "enable_execute_command": self.exec,
        }

    def for_update(self) -> dict[str, Any]:
        """The same as arguments of ECS's UpdateService."""
        arguments = self.for_service()
        alarms = self.alarms or {"alarm_names": [], "enable": False, "rollback": False}
        return {
            "capacityProviderStrategy": [
                {
                    "capacityProvider": strategy["capacity_provider"],
                    "weight": strategy["weight"],
                    "base": strategy.get("base", 0),
                }
                for strategy in arguments["capacity_provider_strategies"]
            ],
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    # ECS ignores the order; sorted, they do not look changed to Pulumi either.
                    "subnets": self.network.task_subnet_ids.apply(_sorted),
                    "securityGroups": [self.security_group.id],
                    "assignPublicIp": "ENABLED" if self.network.assign_public_ip else "DISABLED",
                }
            },
            "loadBalancers": [
                {
                    "targetGroupArn": self.target_group.arn,
                    "containerName": self.container,
                    "containerPort": self.port,
                    **({"advancedConfiguration": self.traffic.for_load_balancer_update()} if self.traffic else {}),
                }
            ]
            if self.target_group is not None
            else [],
            **({} if self.grace_period is None else {"healthCheckGracePeriodSeconds": self.grace_period}),
            "deploymentConfiguration": {
                **(self.traffic.for_update() if self.traffic else {}),
                "minimumHealthyPercent": arguments["deployment_minimum_healthy_percent"],
                "maximumPercent": arguments["deployment_maximum_percent"],
                "deploymentCircuitBreaker": arguments["deployment_circuit_breaker"],
                "alarms": {
                    "alarmNames": alarms["alarm_names"],
                    "enable": alarms["enable"],
                    "rollback": alarms["rollback"],
                },
            },
            "enableExecuteCommand": self.exec,
        }


def _sorted(subnet_ids: Sequence[str]) -> list[str]:
    return sorted(subnet_ids)
