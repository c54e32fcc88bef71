"""A deployment's inputs, as the engine hands them to its provider."""

from typing import Any

CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/keyspaces"
SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/keyspaces/api-1a2b3c4"
NEW = "arn:aws:ecs:us-east-1:000000000000:task-definition/api:2"
PROPS: dict[str, Any] = {
    "cluster": CLUSTER,
    "service": SERVICE,
    "task_definition": NEW,
    "container": "api",
    "log_group": "api-1a2b3c4",
    "log_stream_prefix": "api",
    "timeout": 600.0,
    "configuration": {
        # Numbers are floats, as the engine hands them over.
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1.0, "base": 0.0}],
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100.0,
            "alarms": {"alarmNames": [], "enable": False, "rollback": False},
        },
    },
    "desired_count": 2.0,
    "tags": {},
    "connection": {"region": "us-east-1", "account": "000000000000"},
}
