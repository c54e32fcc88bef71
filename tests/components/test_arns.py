"""ARNs of existing resources: in the right form, and in the stack's region."""

from typing import Any

import pytest

from components import Alarms, Environment, ExistingCluster, KeyspacesMicroservice, Service, Table, read
from components.arguments import InvalidArguments
from tests.evaluation import declare

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/shared"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _declare(cluster: str = CLUSTER, topic: str = TOPIC, key: str = KEY, *, computed: bool = True) -> Any:
    def run() -> None:
        KeyspacesMicroservice(
            "things-api",
            environment=Environment("shop", keyspace="shop", cluster=ExistingCluster(arn=cluster)),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"], kms_key_arn=key))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(),
            alarms=Alarms(topic_arn=topic),
        )

    return declare(run, computed=computed)


def test_accepts_arns_of_the_stacks_region() -> None:
    """A stack cannot use an existing resource, or uses another one."""
    program = _declare()
    (service,) = program.of_type("aws:ecs/service:Service")
    assert service.inputs["cluster"] == CLUSTER
    (table,) = program.of_type("aws:keyspaces/table:Table")
    assert table.inputs["encryptionSpecification"]["kmsKeyIdentifier"] == KEY
    assert {
        topic
        for alarm in program.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
        for topic in alarm.inputs["alarmActions"]
    } == {TOPIC}


@pytest.mark.parametrize("arn", [{"cluster": CLUSTER}, {"topic": TOPIC}, {"key": KEY}])
@pytest.mark.parametrize("computed", [True, False])
def test_refuses_arns_of_another_region(arn: dict[str, str], computed: bool) -> None:
    """The update fails halfway, although the region is known in the preview."""
    elsewhere = {argument: value.replace("us-east-1", "eu-west-1") for argument, value in arn.items()}
    with pytest.raises(ValueError, match="this stack is in us-east-1: give one of that region"):
        _declare(**elsewhere, computed=computed)


@pytest.mark.parametrize("arn", ["shared", CLUSTER.replace(":cluster/", ":service/"), f"{CLUSTER}/api"])
def test_refuses_an_invalid_cluster_arn(arn: str) -> None:
    """The update fails at the first task."""
    with pytest.raises(InvalidArguments, match=r"arn is .*give an ARN such as arn:aws:ecs:us-east-1:"):
        ExistingCluster(arn=arn)
