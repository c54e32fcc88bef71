"""IAM: the roles of a microservice and what each may do.

Every action is named in full. A resource is `*` only where AWS offers nothing narrower: `ecr:GetAuthorizationToken`,
the two EC2 describe actions, the channels of ECS Exec and X-Ray's spans (service authorization reference, "Actions,
resources, and condition keys").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.guardduty import GuardDutyAgent
from components.iam import (
    EXEC,
    ON_TABLE,
    PULL_IMAGE,
    SEND_SPANS,
    SIGN_IN_TO_ECR,
    WRITE_LOG,
    Access,
    allow,
    policy_document,
)
from components.tasks.s3_source import S3Source


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role for ECS tasks and its one inline policy."""

    arn: pulumi.Output[str]
    role: aws.iam.Role
    policy: aws.iam.RolePolicy


def create_task_role(
    name: str,
    *,
    tables: Mapping[str, tuple[aws.keyspaces.Table, Access]],
    sources: Sequence[S3Source] = (),
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
    exec: bool = False,
    traces: bool = False,
    path: str | None = None,
    boundary_arn: pulumi.Input[str] | None = None,
) -> Role:
    """The permissions of the program in the container: for its `tables` and `sources`, and those that a driver needs to
    connect.

    exec: adds the permissions to open channels to Session Manager, for ECS Exec's agent, which has the program's role.
    A principal can enter a task if it may call `ecs:ExecuteCommand`. traces: adds sending spans to X-Ray.

    Drivers read the system keyspaces when they connect. With an interface endpoint, Keyspaces lists the endpoint's
    hosts in system.peers only if the connecting role may describe the endpoint; otherwise drivers open a single
    connection.
    Source: Keyspaces developer guide, "Using Amazon Keyspaces with interface VPC endpoints".
    """
    return create_role(
        name,
        description=f"Tasks of {parent._name}: {_in_words(tables)}",
        statements=[
            *(allow(ON_TABLE[access], table.arn) for table, access in tables.values()),
            allow(["cassandra:Select"], account.arn("cassandra", "/keyspace/system*")),
            allow(["ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints"], "*"),
            *(statement for source in sources for statement in source.statements(account)),
            *([allow(EXEC, "*")] if exec else []),
            *([allow(SEND_SPANS, "*")] if traces else []),
        ],
        trust=trust_ecs("ecs-tasks", account),
        path=path,
        boundary_arn=boundary_arn,
        tags=tags,
        parent=parent,
    )


def _in_words(tables: Mapping[str, tuple[aws.keyspaces.Table, Access]]) -> str:
    """The access to each table, cut to what fits into a role's description of 1,000 characters (IAM API reference,
    CreateRole)."""
    return ", ".join(f"{access} {name}" for name, (_, access) in tables.items())[:900]


def create_execution_role(
    name: str,
    *,
    repository_arns: Sequence[pulumi.Input[str]],
    agent: GuardDutyAgent | None,
    log_group: aws.cloudwatch.LogGroup,
    secrets: Sequence[Mapping[str, Any]],
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
    path: str | None = None,
    boundary_arn: pulumi.Input[str] | None = None,
) -> Role:
    """The permissions with which ECS starts the containers: pull from their repositories, write to one log group, and
    read their secrets.

    repository_arns: of the program's image, and of the sidecars' images in ECR.
    secrets: the statements that allow reading them.
    """
    return create_role(
        name,
        description=f"ECS starting tasks of {parent._name}: pull their images, write one log group, read their secrets",
        statements=[
            allow(SIGN_IN_TO_ECR, "*"),
            *(allow(PULL_IMAGE, repository_arn) for repository_arn in repository_arns),
            *([allow(PULL_IMAGE, account.partition.apply(agent.arn))] if agent else []),
            allow(WRITE_LOG, pulumi.Output.concat(log_group.arn, ":*")),
            *secrets,
        ],
        trust=trust_ecs("ecs-tasks", account),
        path=path,
        boundary_arn=boundary_arn,
        tags=tags,
        parent=parent,
    )


def create_scheduler_role(
    name: str,
    *,
    family: pulumi.Input[str],
    cluster_arn: pulumi.Input[str],
    cluster_name: pulumi.Input[str],
    roles: Sequence[Role],
    queue_arn: pulumi.Input[str],
    group_arn: pulumi.Input[str],
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
    path: str | None = None,
    boundary_arn: pulumi.Input[str] | None = None,
) -> Role:
    """The permissions with which EventBridge Scheduler starts tasks of one family in one cluster.

    family: of the task definition; any revision is allowed, since policy and schedule do not change at the same moment.
    roles: passed to the task. queue_arn: for reports on tasks that could not start. group_arn: of the schedule's group,
    which alone may use the role (EventBridge Scheduler user guide, "Confused deputy prevention"). ECS requires
    ecs:TagResource when a task is started with tags (ECS developer guide, "Tag resources during creation").
    """
    return create_role(
        name,
        description=f"EventBridge Scheduler starting tasks of {parent._name}",
        statements=[
            allow(
                ["ecs:RunTask"],
                pulumi.Output.concat(account.arn("ecs", "task-definition/"), family, ":*"),
                Condition={"ArnEquals": {"ecs:cluster": cluster_arn}},
            ),
            allow(
                ["ecs:TagResource"],
                pulumi.Output.concat(account.arn("ecs", "task/"), cluster_name, "/*"),
                Condition={"StringEquals": {"ecs:CreateAction": "RunTask"}},
            ),
            *(
                allow(
                    ["iam:PassRole"],
                    role.arn,
                    Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                )
                for role in roles
            ),
            allow(["sqs:SendMessage"], queue_arn),
        ],
        trust=policy_document(
            [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "scheduler.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": account.id},
                        "ArnEquals": {"aws:SourceArn": group_arn},
                    },
                }
            ]
        ),
        path=path,
        boundary_arn=boundary_arn,
        tags=tags,
        parent=parent,
    )


def create_role(
    name: str,
    *,
    description: str,
    statements: Sequence[Mapping[str, Any]],
    trust: pulumi.Output[str],
    path: str | None,
    boundary_arn: pulumi.Input[str] | None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Role:
    opts = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        name,
        description=description,
        path=path,
        permissions_boundary=boundary_arn,
        assume_role_policy=trust,
        tags=dict(tags),
        opts=opts,
    )
    policy = aws.iam.RolePolicy(name, role=role.name, policy=policy_document(statements), opts=opts)
    return Role(arn=role.arn, role=role, policy=policy)


def trust_ecs(principal: str, account: Account) -> pulumi.Output[str]:
    """principal: `ecs-tasks`, which gives the role to tasks, or `ecs`, which uses it itself."""
    # The conditions keep ECS from using the role on behalf of another account ("confused deputy";
    # ECS developer guide, "Amazon ECS task IAM role").
    return policy_document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{principal}.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account.id},
                    "ArnLike": {"aws:SourceArn": account.arn("ecs", "*")},
                },
            }
        ]
    )
