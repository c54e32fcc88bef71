"""Examples for rules/data.py; the rule about buckets without a public access block is in test_stack_rules.py."""

from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_ENCRYPTION = "tables-declare-encryption"
_RECOVERY = "production-tables-are-recoverable"
_PROTECTION = "production-data-is-protected"
_BLOCKS = "public-access-blocks-are-complete"
_SCANS = "repositories-scan-images"
_FORGETS = "log-groups-expire"
_KEEPS = "production-keeps-logs"


def _table(stack: str = "prod", protect: bool = False, **inputs: Any) -> Given:
    return Given(
        type="aws:keyspaces/table:Table",
        inputs={"keyspaceName": UNKNOWN, "tableName": "orders", **inputs},
        name="orders",
        stack=stack,
        protect=protect,
    )


def _keyspace(stack: str = "prod", protect: bool = False) -> Given:
    return Given(
        type="aws:keyspaces/keyspace:Keyspace", inputs={"name": "shop"}, name="shop", stack=stack, protect=protect
    )


def _block(**inputs: Any) -> Given:
    settings = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    return Given(
        type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        inputs={"bucket": UNKNOWN, **dict.fromkeys(settings, True), **inputs},
        name="logs",
    )


def _repository(**inputs: Any) -> Given:
    return Given(type="aws:ecr/repository:Repository", inputs={"name": UNKNOWN, **inputs}, name="images")


def _log_group(days: Any, stack: str = "prod") -> Given:
    inputs = {"name": UNKNOWN} if days is None else {"name": UNKNOWN, "retentionInDays": days}
    return Given(type="aws:cloudwatch/logGroup:LogGroup", inputs=inputs, name="lines", stack=stack)


EXAMPLES = [
    Example(rule=_ENCRYPTION, case="AWS's key", given=_table(encryptionSpecification={"type": "AWS_OWNED_KMS_KEY"})),
    Example(
        rule=_ENCRYPTION,
        case="one's own key",
        given=_table(
            encryptionSpecification={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyIdentifier": "arn:aws:kms:::key/1"}
        ),
    ),
    Example(rule=_ENCRYPTION, case="nothing", given=_table(), says=("orders", "set encryptionSpecification")),
    Example(
        rule=_ENCRYPTION,
        case="no key",
        given=_table(encryptionSpecification={"type": "CUSTOMER_MANAGED_KMS_KEY"}),
        says=("orders", "kmsKeyIdentifier"),
    ),
    Example(rule=_RECOVERY, case="recoverable", given=_table(pointInTimeRecovery={"status": "ENABLED"})),
    Example(rule=_RECOVERY, case="not in production", given=_table(stack="dev")),
    *(
        Example(
            rule=_RECOVERY,
            case=f"pointInTimeRecovery {recovery}",
            given=_table(pointInTimeRecovery=recovery),
            says=("orders", "set pointInTimeRecovery with status ENABLED"),
        )
        for recovery in (None, {"status": "DISABLED"})
    ),
    Example(rule=_PROTECTION, case="a table", given=_table(protect=True)),
    Example(rule=_PROTECTION, case="a keyspace", given=_keyspace(protect=True)),
    Example(rule=_PROTECTION, case="not in production", given=_keyspace(stack="dev")),
    Example(rule=_PROTECTION, case="an unprotected table", given=_table(), says=("orders", "option protect")),
    Example(rule=_PROTECTION, case="an unprotected keyspace", given=_keyspace(), says=("shop", "option protect")),
    Example(rule=_BLOCKS, case="all four", given=_block()),
    Example(
        rule=_BLOCKS,
        case="two of four, of which one is left out",
        given=_block(blockPublicPolicy=False, restrictPublicBuckets=None),
        says=("logs", "set blockPublicPolicy, restrictPublicBuckets"),
    ),
    Example(
        rule=_BLOCKS,
        case="one missing, another not yet known",
        given=_block(blockPublicAcls=UNKNOWN, ignorePublicAcls=False),
        says=("set ignorePublicAcls",),
    ),
    Example(rule=_SCANS, case="on push", given=_repository(imageScanningConfiguration={"scanOnPush": True})),
    *(
        Example(
            rule=_SCANS,
            case=f"imageScanningConfiguration {scanning}",
            given=_repository(imageScanningConfiguration=scanning),
            says=("images", "scanOnPush"),
        )
        for scanning in (None, {"scanOnPush": False})
    ),
    Example(rule=_FORGETS, case="after a week", given=_log_group(7)),
    Example(rule=_FORGETS, case="never", given=_log_group(None), says=("lines", "set retentionInDays")),
    Example(rule=_FORGETS, case="never, written as 0", given=_log_group(0), says=("lines", "set retentionInDays")),
    Example(rule=_KEEPS, case="for a year", given=_log_group(365)),
    Example(rule=_KEEPS, case="for ever, which is the other rule's", given=_log_group(0)),
    Example(rule=_KEEPS, case="not in production", given=_log_group(1, stack="dev")),
    Example(rule=_KEEPS, case="as long as the setting says", given=_log_group(30), settings={"minimumDays": 30}),
    Example(
        rule=_KEEPS,
        case="for three months",
        given=_log_group(90),
        says=("lines", "90 days", "set retentionInDays to 365 or more"),
    ),
    Example(
        rule=_KEEPS,
        case="shorter than the setting says",
        given=_log_group(7),
        settings={"minimumDays": 30},
        says=("7 days", "30 or more"),
    ),
]
