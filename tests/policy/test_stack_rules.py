"""The rules about several resources and their relations."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.policy.examples.load_balancers import FORWARD, TO_HTTPS
from tests.policy.validation import UNKNOWN, Given, stack_violations

_BLOCKED = "buckets-block-public-access"
_REDIRECT = "production-http-rules-redirect"
_TASKS = "tasks-accept-security-groups-only"


def _bucket(name: str, id_: str) -> Given:
    return Given(type="aws:s3/bucket:Bucket", inputs={}, outputs={"id": id_, "bucket": id_}, name=name)


def _block(bucket: Any, depends_on: Mapping[str, Sequence[Given]] | None = None) -> Given:
    return Given(
        type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        inputs={"bucket": bucket},
        name=f"block-{bucket}",
        depends_on=depends_on or {},
    )


def test_finds_the_bucket_without_a_block_among_many() -> None:
    """One bucket's public access block counts for all buckets, and an open bucket is deployed."""
    buckets = [_bucket(name, f"{name}-1234567") for name in ("logs", "files", "backups")]
    blocks = [_block("logs-1234567"), _block("backups-1234567")]
    ((message, urn),) = stack_violations(_BLOCKED, [*buckets, *blocks])
    assert message.startswith("files: ")
    assert "BucketPublicAccessBlock" in message
    assert urn == buckets[1].urn


def test_accepts_every_bucket_with_a_block() -> None:
    """A correct stack cannot be deployed."""
    assert stack_violations(_BLOCKED, [_block("logs-1"), _bucket("logs", "logs-1")]) == []
    assert stack_violations(_BLOCKED, []) == []


def test_finds_a_public_access_block_by_dependency_in_the_preview_of_a_new_bucket() -> None:
    """The preview confuses new buckets, since no bucket has a name yet and every unknown name looks the same."""
    logs, files = _bucket("logs", UNKNOWN), _bucket("files", UNKNOWN)
    block = _block(UNKNOWN, {"bucket": [logs]})
    ((message, urn),) = stack_violations(_BLOCKED, [logs, files, block])
    assert message.startswith("files: ")
    assert urn == files.urn


def _listener(protocol: Any, arn: Any, stack: str) -> Given:
    return Given(
        type="aws:lb/listener:Listener",
        inputs={"port": 80, "protocol": protocol},
        outputs={"arn": arn},
        name=f"listener-{protocol}",
        stack=stack,
    )


_CONDITIONS = [{"pathPattern": {"values": ["/*"]}}, {"hostHeader": {"values": ["api.example.com"]}}]


def _rule(name: str, listener: Any, *actions: Any, stack: str, depends_on: Sequence[Given] = ()) -> Given:
    return Given(
        type="aws:lb/listenerRule:ListenerRule",
        inputs={"listenerArn": listener, "actions": list(actions), "conditions": _CONDITIONS},
        name=name,
        stack=stack,
        depends_on={"listenerArn": depends_on},
    )


@pytest.mark.parametrize("stack", ["prod", "prod-eu", "production-2", "dev", "preprod", "product", "production2"])
def test_refuses_rules_that_serve_http_in_production(stack: str) -> None:
    """The listener redirects to HTTPS, but its rules still answer without encryption."""
    http, https = _listener("HTTP", "arn:http", stack), _listener("HTTPS", "arn:https", stack)
    rules = [
        _rule("good", "arn:http", TO_HTTPS, stack=stack),
        _rule("bad", "arn:http", FORWARD, stack=stack),
        _rule("encrypted", "arn:https", FORWARD, stack=stack),
    ]
    found = stack_violations(_REDIRECT, [http, https, *rules])
    if stack not in ("prod", "prod-eu", "production-2"):
        assert found == []
    else:
        ((message, urn),) = found
        assert message.startswith("bad: ")
        assert "HTTP with forward" in message
        assert "HTTPS listener" in message
        assert urn == rules[1].urn


def test_finds_a_rules_listener_by_dependency_in_the_preview_of_a_new_one() -> None:
    """The preview of a new stack is refused, since no listener has an ARN yet."""
    http, https = _listener("HTTP", UNKNOWN, "live"), _listener("HTTPS", UNKNOWN, "live")
    rules = [
        _rule("bad", UNKNOWN, FORWARD, stack="live", depends_on=[http]),
        _rule("encrypted", UNKNOWN, FORWARD, stack="live", depends_on=[https]),
        _rule("unknown", UNKNOWN, UNKNOWN, stack="live", depends_on=[http]),
    ]
    ((message, _),) = stack_violations(_REDIRECT, [http, https, *rules], {"productionStacks": ["live"]})
    assert message.startswith("bad: ")


def test_waits_for_a_listener_whose_protocol_is_not_known() -> None:
    """A correct stack is refused: an HTTPS listener whose protocol is unknown counts as an HTTP listener."""
    listener = _listener(UNKNOWN, "arn:some", "prod")
    assert stack_violations(_REDIRECT, [listener, _rule("some", "arn:some", FORWARD, stack="prod")]) == []


def _group(name: str, id_: str, **inputs: Any) -> Given:
    return Given(type="aws:ec2/securityGroup:SecurityGroup", inputs=inputs, outputs={"id": id_}, name=name)


def _service(name: str, groups: Any, depends_on: Sequence[Given] = ()) -> Given:
    return Given(
        type="aws:ecs/service:Service",
        inputs={"networkConfiguration": {"subnets": ["subnet-1"], "securityGroups": groups}},
        name=name,
        depends_on={"networkConfiguration": depends_on},
    )


def _task_run(name: str, groups: Any, depends_on: Sequence[Given] = ()) -> Given:
    return Given(
        type="pulumi-python:dynamic/ecs:TaskRun",
        inputs={"subnets": ["subnet-1"], "security_groups": groups},
        name=name,
        depends_on={"security_groups": depends_on},
    )


_USERS = [_service, _task_run]


def _ingress(name: str, group: Any, depends_on: Sequence[Given] = (), **source: Any) -> Given:
    return Given(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        inputs={"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, **source},
        name=name,
        depends_on={"securityGroupId": depends_on},
    )


def _older_rule(direction: str, **inputs: Any) -> Given:
    return Given(
        type="aws:ec2/securityGroupRule:SecurityGroupRule",
        inputs={"securityGroupId": "sg-tasks", "type": direction, "protocol": "tcp", **inputs},
        name="rule",
    )


_HTTP = {"protocol": "tcp", "fromPort": 80, "toPort": 80}


@pytest.mark.parametrize("user", _USERS)
@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (_ingress("rule", "sg-tasks", cidrIpv4="0.0.0.0/0"), "0.0.0.0/0"),
        (_ingress("rule", "sg-tasks", cidrIpv4="10.0.0.1/32"), "10.0.0.1/32"),
        (_ingress("rule", "sg-tasks", cidrIpv6="::/0"), "::/0"),
        (_ingress("rule", "sg-tasks", prefixListId="pl-1"), "pl-1"),
        (_ingress("rule", "sg-tasks", cidrIpv4=UNKNOWN), "a network not yet known"),
        (_older_rule("ingress", cidrBlocks=["10.0.0.0/16"]), "10.0.0.0/16"),
        (_older_rule("ingress", ipv6CidrBlocks=["::/0"], sourceSecurityGroupId=UNKNOWN), "::/0"),
        (_older_rule("ingress", prefixListIds=["pl-1"]), "pl-1"),
        (_older_rule("ingress", cidrBlocks=[UNKNOWN]), "a network not yet known"),
        (_group("rule", "sg-tasks", ingress=[{**_HTTP, "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"]}]), "10.0.0.0/8, 0.0"),
        (_group("rule", UNKNOWN, ingress=[{**_HTTP, "ipv6CidrBlocks": ["::/0"]}]), "::/0"),
        (
            Given(
                type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
                inputs={"ingress": [{**_HTTP, "cidrBlocks": ["10.0.0.0/8"]}]},
                outputs={"id": "sg-tasks"},
                name="rule",
            ),
            "10.0.0.0/8",
        ),
    ],
)
def test_refuses_a_network_in_every_kind_of_rule_of_tasks(user: Any, rule: Given, source: str) -> None:
    """Clients reach tasks without the load balancer, since no other rule refuses open ports 80 and 443."""
    is_new_group = rule.outputs.get("id") == UNKNOWN
    tasks = user("api", [UNKNOWN], [rule]) if is_new_group else user("api", ["sg-other", "sg-tasks"])
    ((message, urn),) = stack_violations(_TASKS, [rule, tasks])
    assert message.startswith(f"rule: lets {source}")
    assert "to the tasks of api: let in a security group instead" in message
    assert urn == rule.urn


@pytest.mark.parametrize("user", _USERS)
@pytest.mark.parametrize(
    "rule",
    [
        _ingress("rule", "sg-tasks", referencedSecurityGroupId="sg-alb"),
        _ingress("rule", "sg-tasks", referencedSecurityGroupId=UNKNOWN),
        _ingress("rule", "sg-alb", cidrIpv4="0.0.0.0/0"),
        _ingress("rule", UNKNOWN, cidrIpv4="0.0.0.0/0"),
        _older_rule("ingress", sourceSecurityGroupId="sg-alb"),
        _older_rule("ingress", self=True, cidrBlocks=[]),
        _older_rule("ingress", cidrBlocks=UNKNOWN, sourceSecurityGroupId=UNKNOWN),
        _older_rule("egress", cidrBlocks=["0.0.0.0/0"]),
        _older_rule(UNKNOWN, cidrBlocks=["0.0.0.0/0"]),
        Given(
            type="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            inputs={"securityGroupId": "sg-tasks", "ipProtocol": "tcp", "cidrIpv4": "0.0.0.0/0"},
        ),
        _group("tasks", "sg-tasks", ingress=[{**_HTTP, "securityGroups": ["sg-alb"], "cidrBlocks": []}]),
        _group("tasks", "sg-tasks", egress=[{**_HTTP, "cidrBlocks": ["0.0.0.0/0"]}], ingress=UNKNOWN),
    ],
)
def test_accepts_security_groups_for_tasks_and_networks_for_others(user: Any, rule: Given) -> None:
    """A correct stack is refused, in which the load balancer reaches its tasks and clients reach the load balancer."""
    assert stack_violations(_TASKS, [rule, user("api", ["sg-tasks"])]) == []
    assert stack_violations(_TASKS, [rule, user("api", UNKNOWN)]) == []
    assert stack_violations(_TASKS, [rule]) == []


@pytest.mark.parametrize("groups", [UNKNOWN, [UNKNOWN], ["sg-other", UNKNOWN]])
@pytest.mark.parametrize("user", _USERS)
def test_finds_the_tasks_groups_by_dependency_in_the_preview_of_a_new_stack(user: Any, groups: Any) -> None:
    """The preview confuses new security groups, since no group has an ID yet and every unknown ID looks the same."""
    tasks, balancer = _group("tasks", UNKNOWN), _group("balancer", UNKNOWN)
    resources = [
        tasks,
        balancer,
        user("api", groups, [tasks]),
        _ingress("to-tasks", UNKNOWN, [tasks], cidrIpv4="10.0.0.0/16"),
        _ingress("to-balancer", UNKNOWN, [balancer], cidrIpv4="0.0.0.0/0"),
        _ingress("between", UNKNOWN, [tasks], referencedSecurityGroupId=UNKNOWN),
    ]
    ((message, _),) = stack_violations(_TASKS, resources)
    assert message.startswith("to-tasks: lets 10.0.0.0/16 in to the tasks of api")


def test_finds_a_new_rules_group_by_dependency_while_the_tasks_group_is_known() -> None:
    """An open rule is accepted, since the service knows the group by its ID and the rule only by its dependency."""
    tasks = _group("tasks", "sg-tasks")
    rule = _ingress("rule", UNKNOWN, [tasks], cidrIpv4="10.0.0.0/16")
    assert len(stack_violations(_TASKS, [tasks, _service("api", ["sg-tasks"]), rule])) == 1


def test_names_all_whose_tasks_a_network_reaches_among_many() -> None:
    """The owner closes one group and does not learn of the others."""
    groups = [_group(name, f"sg-{name}") for name in ("orders", "items", "balancer")]
    users = [_service("orders", ["sg-orders"]), _task_run("load", ["sg-orders"]), _service("items", ["sg-items"])]
    rules = [
        _ingress("good", "sg-items", referencedSecurityGroupId="sg-balancer"),
        _ingress("bad", "sg-orders", cidrIpv4="10.0.0.0/16"),
        _ingress("public", "sg-balancer", cidrIpv4="0.0.0.0/0"),
    ]
    ((message, urn),) = stack_violations(_TASKS, [*groups, *users, *rules])
    assert "to the tasks of orders, load:" in message
    assert urn == rules[1].urn
