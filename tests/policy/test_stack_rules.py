"""The rules about resources in relation to each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.policy.examples.load_balancers import FORWARD, TO_HTTPS
from tests.policy.validation import UNKNOWN, Given, stack_violations

_BLOCKED = "buckets-block-public-access"
_REDIRECT = "production-http-rules-redirect"


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
    """Else one bucket's block is taken for all of them."""
    buckets = [_bucket(name, f"{name}-1234567") for name in ("logs", "files", "backups")]
    blocks = [_block("logs-1234567"), _block("backups-1234567")]
    ((message, urn),) = stack_violations(_BLOCKED, [*buckets, *blocks])
    assert message.startswith("files: ")
    assert "BucketPublicAccessBlock" in message
    assert urn == buckets[1].urn


def test_lets_every_bucket_with_a_block_be() -> None:
    """Else a stack without a fault cannot be deployed."""
    assert stack_violations(_BLOCKED, [_block("logs-1"), _bucket("logs", "logs-1")]) == []
    assert stack_violations(_BLOCKED, []) == []


def test_knows_a_block_by_its_dependency_in_the_preview_of_a_new_bucket() -> None:
    """Nothing has a name yet then, and two unknown names are not the same name."""
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


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_refuses_rules_that_serve_http_in_production(stack: str) -> None:
    """Else the listener redirects, and its rules still answer unencrypted."""
    http, https = _listener("HTTP", "arn:http", stack), _listener("HTTPS", "arn:https", stack)
    rules = [
        _rule("good", "arn:http", TO_HTTPS, stack=stack),
        _rule("bad", "arn:http", FORWARD, stack=stack),
        _rule("encrypted", "arn:https", FORWARD, stack=stack),
    ]
    found = stack_violations(_REDIRECT, [http, https, *rules])
    if stack == "dev":
        assert found == []
    else:
        ((message, urn),) = found
        assert message.startswith("bad: ")
        assert "HTTP with forward" in message
        assert "HTTPS listener" in message
        assert urn == rules[1].urn


def test_knows_a_rules_listener_by_dependency_in_the_preview_of_a_new_one() -> None:
    """No listener has an ARN yet then."""
    http, https = _listener("HTTP", UNKNOWN, "live"), _listener("HTTPS", UNKNOWN, "live")
    rules = [
        _rule("bad", UNKNOWN, FORWARD, stack="live", depends_on=[http]),
        _rule("encrypted", UNKNOWN, FORWARD, stack="live", depends_on=[https]),
        _rule("unknown", UNKNOWN, UNKNOWN, stack="live", depends_on=[http]),
    ]
    ((message, _),) = stack_violations(_REDIRECT, [http, https, *rules], {"productionStacks": ["live"]})
    assert message.startswith("bad: ")


def test_waits_for_a_listener_whose_protocol_is_not_known() -> None:
    """Else an HTTPS listener is taken for an HTTP one."""
    listener = _listener(UNKNOWN, "arn:some", "prod")
    assert stack_violations(_REDIRECT, [listener, _rule("some", "arn:some", FORWARD, stack="prod")]) == []
