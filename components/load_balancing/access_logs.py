"""The access logs of a load balancer, and a bucket that keeps them for a while."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import outside, raise_for
from components.iam import allow, policy_document
from components.names import physical_name

_BUCKET = re.compile(r"(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*")


@dataclass(frozen=True, kw_only=True)
class AccessLogs:
    """Writes a line for every request to S3: client, address, time, duration, answer. Elastic Load Balancing delivers
    the lines every five minutes, compressed, under `<prefix>/AWSLogs/<account>/`.

    days: how long the created bucket keeps the lines, 1 to 3650. An existing bucket keeps its own lifecycle rules.
    bucket: the name of an existing bucket, in the stack's region, encrypted with SSE-S3, whose policy lets
    `logdelivery.elasticloadbalancing.amazonaws.com` put objects there; the update fails if it does not. None creates
    a bucket that is private and encrypted, accepts TLS only, and is deleted with the stack unless the environment is
    protected.
    prefix: of the objects' keys, without a slash at either end.

    Source: Elastic Load Balancing user guide, "Enable access logs for your Application Load Balancer".
    """

    days: int = 90
    bucket: pulumi.Input[str] | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        raise_for(
            "AccessLogs",
            {
                "days": outside(self.days, 1, 3650),
                "bucket": (
                    f"is {self.bucket!r}; give a bucket's name: 3 to 63 of a-z, 0-9, hyphens and dots"
                    if isinstance(self.bucket, str) and not _BUCKET.fullmatch(self.bucket)
                    else None
                ),
                "prefix": _prefix_mistake(self.prefix),
            },
        )


def _prefix_mistake(prefix: str | None) -> str | None:
    if prefix is None:
        return None
    if not _PREFIX.fullmatch(prefix):
        return f"is {prefix!r}; use A-Z, a-z, 0-9 and ! _ . * ' ( ) - with single slashes between, none at the ends"
    return "contains AWSLogs, which Elastic Load Balancing adds itself" if "AWSLogs" in prefix else None


@dataclass(frozen=True, kw_only=True)
class LogBucket:
    """A bucket for access logs. `policy` is created last; a load balancer may write to the bucket from then on."""

    bucket: aws.s3.Bucket
    public_access_block: aws.s3.BucketPublicAccessBlock
    ownership_controls: aws.s3.BucketOwnershipControls
    encryption: aws.s3.BucketServerSideEncryptionConfiguration
    lifecycle: aws.s3.BucketLifecycleConfiguration
    policy: aws.s3.BucketPolicy


def create_log_bucket(
    name: str,
    logs: AccessLogs,
    *,
    load_balancer: str,
    account: Account,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> LogBucket:
    """load_balancer: the logical name of the load balancer that writes. It is created after the bucket, so its ARN is
    not known here.
    protect: deleting the bucket fails while it holds logs; otherwise the logs are deleted with it.
    """

    def after(*settings: pulumi.Resource) -> pulumi.ResourceOptions:
        # One change after the other: S3 refuses a change to a bucket while another one runs (OperationAborted).
        return pulumi.ResourceOptions(parent=parent, depends_on=settings)

    bucket = aws.s3.Bucket(name, force_destroy=not protect, tags=dict(tags), opts=after())
    public_access_block = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=after(),
    )
    ownership_controls = aws.s3.BucketOwnershipControls(
        name,
        bucket=bucket.bucket,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=after(public_access_block),
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.bucket,
        rules=[
            {
                # The only encryption that log delivery can write with.
                "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"},
                # S3 sets this for new buckets since March 2026: without it, the provider might always see a change.
                "blocked_encryption_types": ["SSE-C"],
            }
        ],
        opts=after(ownership_controls),
    )
    delivered = "AWSLogs/" if logs.prefix is None else f"{logs.prefix}/AWSLogs/"
    lifecycle = aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.bucket,
        rules=[
            {
                "id": "expire",
                "status": "Enabled",
                "filter": {"prefix": delivered},
                "expiration": {"days": logs.days},
            }
        ],
        opts=after(encryption),
    )
    policy = aws.s3.BucketPolicy(
        name,
        bucket=bucket.bucket,
        policy=policy_document(
            [
                allow(
                    ["s3:PutObject"],
                    pulumi.Output.concat(bucket.arn, "/", delivered, account.id, "/*"),
                    Sid="LogDelivery",
                    Principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                    # Load balancers of this account, region and name only. Elastic Load Balancing's own example, under
                    # "Security best practices" of the guide above, ends in loadbalancer/*; a narrower one was not tried
                    # (UNVERIFIED).
                    Condition={"ArnLike": {"aws:SourceArn": _load_balancer_arns(load_balancer, account)}},
                ),
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ]
        ),
        opts=after(lifecycle),
    )
    return LogBucket(
        bucket=bucket,
        public_access_block=public_access_block,
        ownership_controls=ownership_controls,
        encryption=encryption,
        lifecycle=lifecycle,
        policy=policy,
    )


def _load_balancer_arns(name: str, account: Account) -> pulumi.Input[str] | list[pulumi.Output[str]]:
    """ARN patterns of the load balancer with this logical name: with the name that Pulumi gives a new one, and with the
    default name, since an existing load balancer keeps its name when `pulumi:autonaming` changes.
    """
    names = dict.fromkeys([physical_name("aws:lb/loadBalancer:LoadBalancer", name), f"{name}-*"])
    # The ARN goes on with a slash and an ID, which a `*` at the end of the name matches too.
    rests = [each if each.endswith("*") else f"{each}/*" for each in names]
    arns = [account.arn("elasticloadbalancing", f"loadbalancer/app/{rest}") for rest in rests]
    return arns[0] if len(arns) == 1 else arns
