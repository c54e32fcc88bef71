"""Policies of VPC endpoints: they allow only the actions that tasks need, and only to principals of this account.

An endpoint policy grants nothing. It keeps a compromised task from sending data out with credentials of another
account, which no role of this account can limit (AWS PrivateLink guide, "Control access to VPC endpoints
using endpoint policies").

The guide names `aws:PrincipalAccount` for endpoint policies, and every request has this key in its context (IAM user
guide, "AWS global condition context keys"). UNVERIFIED: that each of these services fills it in; the condition applies
if a service does, and locks nobody out if it does not (`IfExists`). The guides of Keyspaces, ECR, CloudWatch Logs and
Secrets Manager show endpoint policies with the actions and resources used here; the guide of Systems Manager says only
that its endpoint may have a policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from components.account import Account
from components.guardduty import GuardDutyAgent
from components.iam import (
    EXEC,
    LIST_BUCKET,
    ON_TABLE,
    PULL_IMAGE,
    READ_OBJECT,
    READ_PARAMETERS,
    READ_SECRET,
    SEND_SPANS,
    SIGN_IN_TO_ECR,
    WRITE_LOG,
    allow,
    policy_document,
)

_Allowed = Sequence[tuple[Sequence[str], pulumi.Input[str]]]
"""Actions, and the resource for each."""


def keyspaces_policy(account: Account, keyspace: str) -> pulumi.Output[str]:
    """Rows of the tables of one keyspace; and the system keyspaces, which every driver reads when it connects.

    Source of the ARNs: Keyspaces developer guide, "Using Amazon Keyspaces with interface VPC endpoints". The policy
    has no actions for multi-Region keyspaces.
    """
    return _document(
        account,
        [
            (ON_TABLE["write"], account.arn("cassandra", f"/keyspace/{keyspace}/*")),
            (ON_TABLE["read"], account.arn("cassandra", "/keyspace/system*")),
        ],
    )


def ecr_policy(account: Account, agent: GuardDutyAgent | None) -> pulumi.Output[str]:
    """Pulling images of this account: one policy for both endpoints, as the ECR user guide recommends.

    It refuses images of other accounts, except that of GuardDuty's `agent`.
    """
    return _document(
        account,
        [
            (SIGN_IN_TO_ECR, "*"),
            (PULL_IMAGE, account.arn("ecr", "repository/*")),
            *([(PULL_IMAGE, account.partition.apply(agent.arn))] if agent else []),
        ],
    )


def logs_policy(account: Account) -> pulumi.Output[str]:
    """Writing to log groups of this account."""
    return _document(account, [(WRITE_LOG, account.arn("logs", "log-group:*"))])


def traces_policy(account: Account) -> pulumi.Output[str]:
    """Sending spans. X-Ray offers no narrower resource for this action."""
    return _document(account, [(SEND_SPANS, "*")])


def guardduty_policy(account: Account) -> pulumi.Output[str]:
    """Reports of GuardDuty's agent in tasks of this account (GuardDuty user guide, "VPC endpoint policy")."""
    return _document(account, [(["guardduty:*"], "*")])


def sessions_policy(account: Account) -> pulumi.Output[str]:
    """ECS Exec (ECS developer guide, "ECS Exec permissions"). AWS offers no narrower resource for these actions."""
    return _document(account, [(EXEC, "*")])


def parameters_policy(account: Account) -> pulumi.Output[str]:
    """Reading parameters of this account: those that the stack generates, and any that an `ExistingParameter` names."""
    return _document(account, [(READ_PARAMETERS, account.arn("ssm", "parameter/*"))])


def secrets_policy(account: Account) -> pulumi.Output[str]:
    """Reading secrets of this account, of which any may be an `ExistingSecret`."""
    return _document(account, [(READ_SECRET, account.arn("secretsmanager", "secret:*"))])


def objects_policy(account: Account, buckets: Sequence[str]) -> pulumi.Output[str]:
    """Reading image layers, which ECR keeps in its own bucket, and reading `buckets`; nothing else in S3.

    The statement for layers has no condition on the account, since ECR signs their URLs as itself (AWS's data perimeter
    policy examples, "Amazon Elastic Container Registry"). Source of their ARN: ECR user guide, "Minimum Amazon S3
    Bucket Permissions for Amazon ECR".
    """
    layers = pulumi.Output.format("arn:{0}:s3:::prod-{1}-starport-layer-bucket/*", account.partition, account.region)
    arns = [pulumi.Output.format("arn:{0}:s3:::{1}", account.partition, bucket) for bucket in buckets]
    return policy_document(
        [
            *_statements(None, [(READ_OBJECT, layers)]),
            *(
                statement
                for arn in arns
                for statement in _statements(
                    account, [(READ_OBJECT, pulumi.Output.concat(arn, "/*")), (LIST_BUCKET, arn)]
                )
            ),
        ]
    )


def _document(account: Account, allowed: _Allowed) -> pulumi.Output[str]:
    return policy_document(_statements(account, allowed))


def _statements(account: Account | None, allowed: _Allowed) -> list[dict[str, Any]]:
    """account: of the allowed principals; None allows any."""
    condition = {"Condition": {"StringEqualsIfExists": {"aws:PrincipalAccount": account.id}}} if account else {}
    return [allow(actions, resource, Principal="*", **condition) for actions, resource in allowed]
