"""Access logs: the bucket, its writers, and the order in which both are created."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from components import AccessLogs, PublicLoadBalancer
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.front import declare_front
from tests.evaluation import dependencies, one

NAME = "shop-alb-logs"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"


def declare_logs(logs: AccessLogs, *, protect: bool = False) -> Program:
    return declare_front(PublicLoadBalancer(access_logs=logs), protect=protect)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "days is 0; use 1 to 3650"),
        ({"bucket": "Logs"}, "bucket .*3 to 63"),
        ({"bucket": "arn:aws:s3:::logs"}, "bucket .*give a bucket's name"),
        ({"prefix": "/shop"}, "prefix .*none at the ends"),
        ({"prefix": "shop/"}, "prefix .*none at the ends"),
        ({"prefix": "shop/AWSLogs"}, "prefix contains AWSLogs"),
    ],
)
def test_refuses_arguments_log_delivery_would_refuse(arguments: dict[str, Any], message: str) -> None:
    """The update fails after the bucket is created, or logs are written outside the prefix that the bucket's rules
    cover.
    """
    with pytest.raises(InvalidArguments, match=message):
        AccessLogs(**arguments)


def test_keeps_the_logs_private_and_encrypted_and_for_as_long_as_set() -> None:
    """Strangers can read who called which route, or old logs cost money for ever."""
    program = declare_logs(AccessLogs(days=30))
    block = one(program, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", NAME).inputs
    assert {key: value for key, value in block.items() if key != "bucket"} == dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    )
    ownership = one(program, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", NAME).inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    encryption = one(
        program, "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", NAME
    ).inputs
    assert encryption["rules"][0]["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    (rule,) = one(program, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", NAME).inputs["rules"]
    assert (rule["status"], rule["filter"], rule["expiration"]) == ("Enabled", {"prefix": "AWSLogs/"}, {"days": 30})
    for resource in program.resources:
        if resource.type.startswith("aws:s3/bucket") and resource.type != "aws:s3/bucket:Bucket":
            assert resource.inputs["bucket"] == NAME


@pytest.mark.parametrize(("prefix", "where"), [(None, ""), ("shop/front", "shop/front/")])
def test_only_the_environments_load_balancer_may_write_and_with_tls(prefix: str | None, where: str) -> None:
    """No log arrives, or another load balancer can write into this bucket."""
    program = declare_logs(AccessLogs(prefix=prefix))
    delivery, tls_only = json.loads(one(program, "aws:s3/bucketPolicy:BucketPolicy", NAME).inputs["policy"])[
        "Statement"
    ]
    assert {key: value for key, value in delivery.items() if key != "Sid"} == {
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": f"arn:aws:s3:::{NAME}/{where}AWSLogs/000000000000/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/shop-*"}
        },
    }
    assert (tls_only["Effect"], tls_only["Principal"], tls_only["Action"]) == ("Deny", "*", "s3:*")
    assert tls_only["Resource"] == [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"]
    assert tls_only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    logs = one(program, "aws:lb/loadBalancer:LoadBalancer", "shop").inputs["accessLogs"]
    assert logs == {"enabled": True, "bucket": NAME, "prefix": prefix or ""}


def test_a_load_balancer_may_write_logs_with_its_given_name() -> None:
    """The load balancer's name does not match the bucket's policy, and the update fails."""
    program = declare_logs(AccessLogs())
    (statement, _) = json.loads(one(program, "aws:s3/bucketPolicy:BucketPolicy", NAME).inputs["policy"])["Statement"]
    (balancer,) = program.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert not {"name", "namePrefix"} & balancer.inputs.keys()  # so Pulumi appends a hyphen and random characters.
    arn = f"arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/{balancer.name}-0a1b2c3/50dc6c495c0c91"
    (pattern,) = statement["Condition"]["ArnLike"].values()
    assert fnmatchcase(arn, pattern)
    assert not fnmatchcase(arn.replace("/shop-", "/shopping-"), pattern)


@pytest.mark.parametrize(
    ("autonaming", "name"),
    [
        ({"mode": "default"}, "shop-0a1b2c3"),
        ({"mode": "verbatim"}, "shop"),
        ({"pattern": "acme-${stack}-${name}-${hex(4)}"}, "acme-dev-shop-0a1b"),
        ({"pattern": "${project}-${name}-${config.suffix}", "enforce": True}, "keyspaces-platform-shop-x"),
        ({"mode": "verbatim", "providers": {"aws": {"pattern": "${name}${alphanum(5)}"}}}, "shopa1b2c"),
        ({"mode": "verbatim", "providers": {"aws": {"resources": {}}}}, "shop-0a1b2c3"),
        ({"mode": "verbatim", "providers": {"random": {"pattern": "x-${name}"}}}, "shop"),
        (
            {"providers": {"aws": {"mode": "verbatim", "resources": {BALANCER: {"pattern": "lb-${name}-${num(3)}"}}}}},
            "lb-shop-123",
        ),
    ],
)
def test_a_load_balancer_may_write_logs_with_an_autonamed_name(autonaming: dict[str, Any], name: str) -> None:
    """With a company's own rule for names, the update fails: S3 refuses the test file of the load balancer."""
    patterns = _source_arns({"pulumi:autonaming": json.dumps(autonaming)})
    arn = f"arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/{name}/50dc6c495c0c9188"
    assert any(fnmatchcase(arn, pattern) for pattern in patterns)
    assert not any(fnmatchcase(arn.replace(f"/{name}/", "/other-0a1b2c3/"), pattern) for pattern in patterns)


def test_a_load_balancer_from_before_autonaming_may_write_logs() -> None:
    """The logs of an existing load balancer stop when a company sets a rule for names."""
    patterns = _source_arns({"pulumi:autonaming": '{"pattern": "acme-${name}-${hex(4)}"}'})
    assert sorted(pattern.partition("app/")[2] for pattern in patterns) == ["acme-shop-*", "shop-*"]


def _source_arns(settings: dict[str, str]) -> list[str]:
    program = declare_front(PublicLoadBalancer(access_logs=AccessLogs()), settings=settings)
    (statement, _) = json.loads(one(program, "aws:s3/bucketPolicy:BucketPolicy", NAME).inputs["policy"])["Statement"]
    patterns = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    return [patterns] if isinstance(patterns, str) else list(patterns)


def test_writes_logs_only_once_the_bucket_accepts_them() -> None:
    """The update fails: the load balancer writes a test file when logs are switched on, and the bucket's policy is
    missing.
    """
    program = declare_logs(AccessLogs())
    needed = dependencies(program, one(program, "aws:lb/loadBalancer:LoadBalancer", "shop"))
    kinds = {each.partition(" ")[0] for each in needed if each.endswith(f" {NAME}")}
    assert kinds == {
        "Bucket",
        "BucketPublicAccessBlock",
        "BucketOwnershipControls",
        "BucketServerSideEncryptionConfiguration",
        "BucketLifecycleConfiguration",
        "BucketPolicy",
    }


def test_sets_a_bucket_up_one_step_after_the_other() -> None:
    """The update fails at random: S3 refuses a change to a bucket during another change to it."""
    program = declare_logs(AccessLogs())
    settings = [each for each in program.resources if each.type.startswith("aws:s3/bucket")]
    waits_for = [len([e for e in dependencies(program, each) if e.endswith(f" {NAME}")]) for each in settings]
    assert sorted(waits_for) == list(range(len(settings)))


@pytest.mark.parametrize("protect", [True, False])
def test_deletes_logs_with_the_stack_unless_protected(protect: bool) -> None:
    """A dev stack cannot be destroyed, or a mistaken `pulumi destroy` deletes a production stack's logs."""
    bucket = one(declare_logs(AccessLogs(), protect=protect), "aws:s3/bucket:Bucket", NAME)
    assert bucket.inputs["forceDestroy"] is not protect
    assert "bucket" not in bucket.inputs  # A fixed name would collide with another stack's bucket.


def test_writes_to_an_existing_bucket_without_changing_it() -> None:
    """An organisation's central bucket is not used, or its policy is overwritten."""
    program = declare_logs(AccessLogs(bucket="logs-of-everything", prefix="shop"))
    assert not [resource for resource in program.resources if resource.type.startswith("aws:s3/")]
    logs = one(program, "aws:lb/loadBalancer:LoadBalancer", "shop").inputs["accessLogs"]
    assert logs == {"enabled": True, "bucket": "logs-of-everything", "prefix": "shop"}
