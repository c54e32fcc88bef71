"""Alarms of a table, as one microservice uses it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.iam import Access
from components.monitoring.alarms import Alarms, combined, create_alarm
from components.monitoring.metrics import table_metrics


def create_table_alarms(
    name: str,
    alarms: Alarms,
    *,
    of: str,
    table: aws.keyspaces.Table,
    access: Access,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> dict[str, aws.cloudwatch.MetricAlarm]:
    """Alarms `throttles`, `system-errors` and `user-errors`, over the operations that `access` allows.

    of: the microservice.

    The metrics do not name the client, so every client of the table counts, and two microservices with alarms on one
    table both report its faults.
    """
    metrics = table_metrics(table, access)
    watched = {
        "throttles": (
            metrics.throttles,
            alarms.throttles,
            "are throttled. Look first at whether the table's capacity, a connection's 3,000 requests a second or one"
            " partition's share is exceeded: its dashboard shows each.",
        ),
        "system-errors": (
            metrics.system_errors,
            alarms.system_errors,
            "fail inside Keyspaces. Look first at the AWS Health Dashboard; drivers may retry such requests.",
        ),
        "user-errors": (
            metrics.user_errors,
            alarms.user_errors,
            "are invalid. Look first at whether program and table were changed together, and at CQL prompts.",
        ),
    }
    return {
        kind: create_alarm(
            f"{name}-{kind}",
            alarms,
            pulumi.Output.format(
                "More than {0} requests a minute for the table {1}, of {2} or another client, {3}",
                threshold,
                table.table_name,
                of,
                meaning,
            ),
            combined(
                " + ".join(f"FILL({_id(operation)}, 0)" for operation in by_operation),
                kind,
                {_id(operation): metric for operation, metric in by_operation.items()},
            ),
            above=threshold,
            tags=tags,
            parent=parent,
        )
        for kind, (by_operation, threshold, meaning) in watched.items()
    }


def _id(operation: str) -> str:
    # Not the plain word, since SELECT begins a query in another of CloudWatch's languages.
    return f"{operation.lower()}s"
