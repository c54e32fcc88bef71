"""IAM policy documents, and the actions that both task roles and endpoint policies name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pulumi

Access = Literal["read", "write"]
"""`read`: Select. `write`: Select and Modify, that is INSERT, UPDATE and DELETE."""

ON_TABLE: Mapping[Access, Sequence[str]] = {
    "read": ["cassandra:Select"],
    "write": ["cassandra:Select", "cassandra:Modify"],
}

# ECS developer guide, "Amazon ECS task IAM role", ECS Exec permissions.
EXEC = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
SIGN_IN_TO_ECR = ("ecr:GetAuthorizationToken",)
PULL_IMAGE = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
READ_PARAMETERS = ("ssm:GetParameters",)
# The action of X-Ray's OTLP endpoint; PutTraceSegments is for X-Ray's own format. UNVERIFIED: it alone is enough.
SEND_SPANS = ("xray:PutSpans",)
READ_SECRET = ("secretsmanager:GetSecretValue",)
READ_OBJECT = ("s3:GetObject",)
LIST_BUCKET = ("s3:ListBucket",)
WRITE_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


def allow(actions: Sequence[str], resource: pulumi.Input[str], **more: Any) -> dict[str, Any]:
    """A statement. more: its other elements, such as `Principal`."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def decrypt(key_arn: pulumi.Input[str], *, via: str, region: pulumi.Input[str]) -> dict[str, Any]:
    """A statement that allows decrypting with a KMS key, through the service `via` only, such as `ssm` (KMS developer
    guide, "kms:ViaService")."""
    service = pulumi.Output.format("{0}.{1}.amazonaws.com", via, region)
    return allow(["kms:Decrypt"], key_arn, Condition={"StringEquals": {"kms:ViaService": service}})


def policy_document(statements: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})
