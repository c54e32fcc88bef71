"""When a microservice calls for help: what its owner sets, and what every CloudWatch alarm of it has in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import below, outside, raise_for
from components.arns import ArnForm
from components.monitoring.metrics import PERIOD, Metric

_TOPIC = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"),
    example="arn:aws:sns:us-east-1:123456789012:alarms",
)

# One bad minute does not page, and a fault is known after three.
MINUTES = 5
_BAD_MINUTES = 3


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """Tell an SNS topic when a microservice needs somebody, and again when it no longer does.

    topic_arn: an existing topic in the stack's region. If it is encrypted, the policy of its KMS key must let
    cloudwatch.amazonaws.com use the key (SNS developer guide, "Enable compatibility between event sources from AWS
    services and encrypted topics"): otherwise alarms fire and nobody hears them.

    All that follows is counted by the minute, and an alarm fires when 3 of 5 minutes are above its threshold:

    error_percent: percent of the requests for this service that end in a 5xx from a task, or that its task takes no
    connection for; 4xx do not count, since 404 is a normal answer of an API. 1.0 leaves room for a task that dies with
    a request in its hands. In a quiet hour one failed request is 100 percent of its minute, but one minute: it takes
    failures in three of five minutes to fire, however few they are, so that a service with little traffic is not blind.
    p99_seconds: how long 99 of 100 requests may take until the task begins to answer. 1.0 is what a caller waits
    without wondering. Evaluated however few requests there are, for the same reason: CloudWatch would leave out
    minutes with fewer than 1,000 of them (CloudWatch user guide, "Percentile-based alarms and low data samples").
    throttles: requests for the table that Keyspaces refuses for lack of capacity. 0, since each of them failed or was
    tried again, and capacity that is short for minutes stays short.
    system_errors: requests for the table that fail inside Keyspaces, which should be none.
    user_errors: invalid requests for the table. 5, since somebody at a CQL prompt makes a few and a program that does
    not fit its table makes more.

    rollback: ECS goes back to the last completed deployment when an alarm of the traffic fires during a deployment.
    See `service_alarms.deployment_alarms` for what that means.

    Without a threshold: a target that is unhealthy, and fewer healthy targets than there should be tasks for 5 minutes
    on end.

    CloudWatch bills each metric that an alarm reads: 6 for a service, one more with Container Insights, and
    3 for each table that it reads or 12 for each that it writes; a one-off task has only those of its tables. (About
    0.10 USD each a month in us-east-1, UNVERIFIED: see the CloudWatch price list.)
    """

    topic_arn: pulumi.Input[str]
    error_percent: float = 1.0
    p99_seconds: float = 1.0
    throttles: int = 0
    system_errors: int = 0
    user_errors: int = 5
    rollback: bool = False

    def __post_init__(self) -> None:
        raise_for(
            "Alarms",
            {
                "topic_arn": _TOPIC.mistake(self.topic_arn),
                "error_percent": outside(self.error_percent, 0, 99),
                # The longest that a load balancer waits for a target (its idle timeout).
                "p99_seconds": outside(self.p99_seconds, 0.001, 4000, "seconds"),
                "throttles": below(self.throttles, 0),
                "system_errors": below(self.system_errors, 0),
                "user_errors": below(self.user_errors, 0),
            },
        )

    def in_region(self, account: Account) -> Alarms:
        """The same, which refuses a topic of another region as soon as both are known."""
        return replace(self, topic_arn=_TOPIC.in_region("Alarms", "topic_arn", self.topic_arn, account))


def create_alarm(
    name: str,
    alarms: Alarms,
    description: pulumi.Input[str],
    watched: Mapping[str, Any],
    *,
    above: float | None = None,
    below: float | None = None,
    missing: str = "notBreaching",
    bad_minutes: int = _BAD_MINUTES,
    warm_up_configuration: aws.cloudwatch.MetricAlarmWarmUpConfigurationArgsDict | None = None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.cloudwatch.MetricAlarm:
    """watched: of `single` or `combined`. missing: what a minute without data is."""
    return aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=description,
        comparison_operator="LessThanThreshold" if above is None else "GreaterThanThreshold",
        threshold=below if above is None else above,
        evaluation_periods=MINUTES,
        datapoints_to_alarm=bad_minutes,
        treat_missing_data=missing,
        warm_up_configuration=warm_up_configuration,
        alarm_actions=[alarms.topic_arn],
        ok_actions=[alarms.topic_arn],
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
        **watched,
    )


def single(metric: Metric) -> dict[str, Any]:
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": metric.dimensions,
        "period": PERIOD,
        "extended_statistic" if metric.stat.startswith("p") else "statistic": metric.stat,
    }


def combined(expression: str, label: str, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """metrics: by the names they have in the expression, which begin with a small letter.

    A metric of failures has no data while nothing fails. Arithmetic takes what is missing for 0, and so does FILL
    (CloudWatch user guide, "Math expressions with metrics"); for a metric without a single value, as for an operation
    that never happened, neither was seen on AWS (UNVERIFIED). With FILL, the latest minute may count as 0 because it
    comes late, which 3 minutes of 5 make up for.
    """
    result = {"id": "result", "expression": expression, "label": label, "return_data": True}
    return {"metric_queries": [result, *(metric.query(id_) for id_, metric in metrics.items())]}
