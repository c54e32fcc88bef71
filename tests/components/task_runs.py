"""A one-off task's inputs, as the engine hands them to its provider."""

from typing import Any

CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/keyspaces"
DEFINITION = "arn:aws:ecs:us-east-1:000000000000:task-definition/load-countries:1"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/keyspaces/0123456789abcdef"
PROPS: dict[str, Any] = {
    "cluster": CLUSTER,
    "task_definition": DEFINITION,
    "container": "load-countries",
    "subnets": ["subnet-a", "subnet-b"],
    "security_groups": ["sg-tasks"],
    "assign_public_ip": False,
    "log_group": "load-countries-1a2b3c4",
    "log_stream_prefix": "load-countries",
    "started_by": "project/dev/load-countries",
    "timeout": 600.0,
    "run_id": "1",
    "tags": {"Stack": "dev"},
    "connection": {"region": "us-east-1", "account": "000000000000"},
}
