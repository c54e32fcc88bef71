"""What may pass a VPC endpoint: only what tasks are granted anyway, and only for principals of this account.

An endpoint policy grants nothing. It keeps a task that was broken into from carrying data out with credentials of
another account, to which no role of this one is a barrier (AWS PrivateLink guide, "Control access to VPC endpoints
using endpoint policies").

`aws:PrincipalAccount` in a policy of an endpoint: named by that guide, and it is in the context of every request (IAM
user guide, "AWS global condition context keys"). That each of these services fills it in was not tried (UNVERIFIED), so
the condition holds where it does, and locks nobody out where it does not (`IfExists`). The guides of Keyspaces, ECR and
CloudWatch Logs show endpoint policies with the actions and resources used here, the one of Systems Manager only says
that there may be some.
"""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.account import Account


def keyspaces_policy(account: Account, keyspace: str) -> pulumi.Output[str]:
    """Rows of the tables of one keyspace; and the system keyspaces, which every driver reads when it connects.

    Source of the ARNs: Keyspaces developer guide, "Using Amazon Keyspaces with interface VPC endpoints". There is no
    action for a multi-Region keyspace here.
    """
    return _document(
        account,
        [
            (["cassandra:Select", "cassandra:Modify"], account.arn("cassandra", f"/keyspace/{keyspace}/*")),
            (["cassandra:Select"], account.arn("cassandra", "/keyspace/system*")),
        ],
    )


def ecr_policy(account: Account) -> pulumi.Output[str]:
    """Pulling images of this account: one policy for both endpoints, as the ECR user guide recommends.

    It keeps out images of other accounts, such as the one of GuardDuty's agent, which AWS adds to tasks if told to.
    """
    return _document(
        account,
        [
            (["ecr:GetAuthorizationToken"], "*"),
            (
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                account.arn("ecr", "repository/*"),
            ),
        ],
    )


def logs_policy(account: Account) -> pulumi.Output[str]:
    """Writing to log groups of this account."""
    return _document(account, [(["logs:CreateLogStream", "logs:PutLogEvents"], account.arn("logs", "log-group:*"))])


def sessions_policy(account: Account) -> pulumi.Output[str]:
    """ECS Exec (ECS developer guide, "ECS Exec permissions"). AWS offers no narrower resource for these actions."""
    return _document(
        account,
        [
            (
                [
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                "*",
            )
        ],
    )


def layers_policy(account: Account) -> pulumi.Output[str]:
    """The layers of images, which ECR keeps in a bucket of its own, and nothing else in S3.

    No condition on the account: ECR hands out URLs that it has signed as itself (AWS's data perimeter policy examples,
    "Amazon Elastic Container Registry"). Source of the ARN: ECR user guide, "Minimum Amazon S3 Bucket Permissions for
    Amazon ECR".
    """
    bucket = pulumi.Output.format("arn:{0}:s3:::prod-{1}-starport-layer-bucket/*", account.partition, account.region)
    return _document(None, [(["s3:GetObject"], bucket)])


def _document(
    account: Account | None, allowed: Sequence[tuple[Sequence[str], pulumi.Input[str]]]
) -> pulumi.Output[str]:
    condition = {"Condition": {"StringEqualsIfExists": {"aws:PrincipalAccount": account.id}}} if account else {}
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": resource, **condition}
        for actions, resource in allowed
    ]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
