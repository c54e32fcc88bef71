"""The alarms of a microservice: its owner's thresholds, and the properties that all its CloudWatch alarms share."""

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

# One bad minute fires no alarm; three bad minutes do.
MINUTES = 5
_BAD_MINUTES = 3


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """Notifies an SNS topic when an alarm of a microservice fires, and again when it ends.

    topic_arn: an existing topic in the stack's region. If it is encrypted, the policy of its KMS key must let
    cloudwatch.amazonaws.com use the key (SNS developer guide, "Enable compatibility between event sources from AWS
    services and encrypted topics"): otherwise alarms fire, but nobody is notified.

    The following thresholds are for one minute; an alarm fires when 3 of 5 minutes are above its threshold:

    error_percent: percent of the requests for this service that get a 5xx from a task, or for which its task accepts no
    connection; 4xx do not count, since 404 is a normal answer of an API. 1.0 tolerates a task that dies while it
    handles a request. With little traffic, one failed request may be 100 percent of its minute; the alarm fires only
    after failures in three of five minutes, but then even for a few requests, so that quiet services are watched, too.
    p99_seconds: the time within which a task must begin to answer 99 of 100 requests; 1.0 is a delay that callers
    accept. It is evaluated even for a few requests, for the same reason: by default CloudWatch ignores minutes with
    fewer than 1,000 requests (CloudWatch user guide, "Percentile-based alarms and low data samples").
    throttles: requests for the table that Keyspaces refuses for lack of capacity. 0, since each of them failed or was
    retried, and a lack of capacity that lasts for minutes does not end by itself.
    system_errors: requests for the table that fail inside Keyspaces; there should be none.
    user_errors: invalid requests for the table. 5, since a person at a CQL prompt causes a few, and a program that does
    not match its table causes more.

    rollback: ECS rolls back to the last completed deployment when a traffic alarm fires during a deployment; see
    `service_alarms.deployment_alarms`.

    Two more alarms have no threshold: one for an unhealthy target, and one for fewer healthy targets than required
    tasks during 5 minutes in a row.

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
        """A copy that refuses a topic of another region as soon as topic and region are known."""
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
    """watched: the result of `single` or `combined`. missing: how a minute without data counts."""
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
    """metrics: by their names in the expression, which begin with a lower-case letter.

    A metric of failures has no data while nothing fails. Arithmetic counts missing data as 0, and so does FILL
    (CloudWatch user guide, "Math expressions with metrics"); neither was tried on AWS for a metric without any value,
    such as that of an operation that never happened (UNVERIFIED). With FILL, the latest minute may count as 0 because
    its data comes late; the rule of 3 minutes in 5 compensates for this.
    """
    result = {"id": "result", "expression": expression, "label": label, "return_data": True}
    return {"metric_queries": [result, *(metric.query(id_) for id_, metric in metrics.items())]}
