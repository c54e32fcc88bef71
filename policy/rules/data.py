"""Resources that store data: tables, buckets, images, logs."""

from collections.abc import Iterator

from rules.rule import Declared, Resource, Schema, Stack, production_rule, rule, stack_rule
from rules.values import inside, is_or_may_be

_TABLES = ("aws:keyspaces/table:Table",)
_KEYSPACES = ("aws:keyspaces/keyspace:Keyspace",)
_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_PUBLIC_ACCESS_BLOCKS = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",)
_REPOSITORIES = ("aws:ecr/repository:Repository",)
_LOG_GROUPS = ("aws:cloudwatch/logGroup:LogGroup",)

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

_MINIMUM: Schema = {
    "minimumDays": {
        "type": "integer",
        "minimum": 1,
        # Security Hub's default, control CloudWatch.16.
        "default": 365,
        "description": "The least number of days that logs of production are kept.",
    }
}


def _silent_about_encryption(resource: Resource) -> Iterator[str]:
    specification = resource.inputs.get("encryptionSpecification")
    kind = inside(specification, "type")
    if kind is None:
        yield (
            "does not say how it is encrypted: set encryptionSpecification's type to AWS_OWNED_KMS_KEY or"
            " CUSTOMER_MANAGED_KMS_KEY"
        )
    elif kind == "CUSTOMER_MANAGED_KMS_KEY" and inside(specification, "kmsKeyIdentifier") is None:
        yield "has no encryption key: set encryptionSpecification's kmsKeyIdentifier"


def _without_block(stack: Stack) -> Iterator[tuple[Declared, str]]:
    blocks = stack.of_type(_PUBLIC_ACCESS_BLOCKS)
    for bucket in stack.of_type(_BUCKETS):
        if not any(
            block.refers_to(bucket, by="bucket", output=output) for block in blocks for output in ("id", "bucket")
        ):
            yield bucket, "may become public: declare a BucketPublicAccessBlock for it, with all four of its settings"


def _incomplete_block(resource: Resource) -> Iterator[str]:
    missing = [block for block in _BLOCKS if not is_or_may_be(resource.inputs.get(block), True)]
    if missing:
        yield f"lets a bucket become public: set {', '.join(missing)}"


def _unscanned(resource: Resource) -> Iterator[str]:
    if not is_or_may_be(inside(resource.inputs, "imageScanningConfiguration", "scanOnPush"), True):
        yield "does not have its images scanned: set imageScanningConfiguration with scanOnPush"


def _kept_for_ever(resource: Resource) -> Iterator[str]:
    if resource.inputs.get("retentionInDays") in (None, 0):
        yield "keeps logs for ever: set retentionInDays"


def _kept_too_short(resource: Resource) -> Iterator[str]:
    days, minimum = resource.inputs.get("retentionInDays"), resource.settings["minimumDays"]
    # 0 or no number means for ever, which another rule checks.
    if isinstance(days, int) and 0 < days < minimum:
        yield f"keeps logs for {days} days: set retentionInDays to {minimum} or more"


def _unrecoverable(resource: Resource) -> Iterator[str]:
    if not is_or_may_be(inside(resource.inputs, "pointInTimeRecovery", "status"), "ENABLED"):
        yield "cannot be restored to an earlier moment: set pointInTimeRecovery with status ENABLED"


def _unprotected(resource: Resource) -> Iterator[str]:
    if not resource.protect:
        yield "is deleted, with its rows, as soon as the program no longer declares it: set the resource option protect"


POLICIES = [
    rule(
        "tables-declare-encryption",
        "Keyspaces encrypts every table; the program should choose the key instead of relying on the default.",
        _silent_about_encryption,
        types=_TABLES,
    ),
    stack_rule(
        "buckets-block-public-access",
        "One policy or ACL that somebody adds later makes a bucket public, unless public access is blocked.",
        _without_block,
    ),
    rule(
        "public-access-blocks-are-complete",
        "Each of the four settings of a block prevents another way for a bucket to become public.",
        _incomplete_block,
        types=_PUBLIC_ACCESS_BLOCKS,
    ),
    rule(
        "repositories-scan-images",
        "Packages with known vulnerabilities come in with the base image, and nobody notices.",
        _unscanned,
        types=_REPOSITORIES,
    ),
    rule(
        "log-groups-expire",
        "CloudWatch keeps logs for ever unless a retention is set, and bills them every month.",
        _kept_for_ever,
        types=_LOG_GROUPS,
    ),
    production_rule(
        "production-keeps-logs",
        "Questions about events in production often come months later.",
        _kept_too_short,
        types=_LOG_GROUPS,
        settings=_MINIMUM,
    ),
    production_rule(
        "production-tables-are-recoverable",
        "Only a point-in-time recovery restores rows that a program or a person has overwritten.",
        _unrecoverable,
        types=_TABLES,
    ),
    production_rule(
        "production-data-is-protected",
        "Keyspaces has no deletion protection of its own; Pulumi's protection keeps an update from dropping the data.",
        _unprotected,
        types=(*_TABLES, *_KEYSPACES),
    ),
]
