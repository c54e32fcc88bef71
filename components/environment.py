"""The parts that the microservices of a stack share: network, load balancer, cluster, keyspace."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import raise_for
from components.arns import KMS_KEY, ArnForm
from components.cluster import Cluster, ExistingCluster, NewCluster, create_cluster
from components.guardduty import GuardDutyAgent
from components.load_balancing.load_balancer import ExistingListener, LoadBalancer, create_load_balancer
from components.load_balancing.public_load_balancer import PublicLoadBalancer
from components.names import check_name
from components.network.network import Network, create_network
from components.network.vpc import ExistingVpc, NewVpc

# Names that the aws provider accepts, except those that begin like Keyspaces' own keyspaces, which every task may read
# (developer guide, "Working with system keyspaces in Amazon Keyspaces").
_KEYSPACE = re.compile(r"(?!(?i:system))[a-zA-Z0-9][a-zA-Z0-9_]{1,47}")
# The values that CloudWatch Logs accepts (API reference, PutRetentionPolicy).
_LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
# IAM API reference, CreateRole.
_ROLE_PATH = re.compile(r"/|/[!-~]+/")
_ROLE_PATH_MAX = 512
_BOUNDARY = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[!-~]+"),
    example="arn:aws:iam::123456789012:policy/boundary",
)


class Environment(pulumi.ComponentResource):
    """The parts that the `KeyspacesMicroservice`s of a stack share; a stack has one environment.

    It creates the parts that it is not given: a VPC with public and private subnets in two zones that offer the
    Keyspaces endpoint, a NAT gateway as the tasks' egress, an interface endpoint for Keyspaces with private DNS, a
    gateway endpoint for S3, an ECS cluster, an internet-facing load balancer that answers 404 until a microservice
    claims a path, and the keyspace.

    name: the prefix of every child's name; see `check_name`.
    keyspace: the keyspace's name, in AWS too: 2 to 48 letters, digits and _, not beginning with system.
    network: `NewVpc`, which chooses the egress, or `ExistingVpc`. A change from one to the other creates new endpoints,
    security groups, load balancer (with another address) and target groups, and the tasks move to them.
    load_balancer: `PublicLoadBalancer` or `ExistingListener`.
    cluster: `NewCluster` or `ExistingCluster`.
    protect: refuse to delete or replace the keyspace, its tables, the load balancer with its listeners and its record
    in Route 53, and the services, and to delete a repository that holds images or a bucket that holds access logs.
    log_retention_days: how long CloudWatch keeps the tasks' log lines; one of the numbers CloudWatch takes.
    role_path: of every IAM role, such as /teams/shop/; a changed path replaces the roles. permissions_boundary_arn: a
    managed policy that limits every role, whatever the role's own policy allows (IAM user guide, "Permissions
    boundaries for IAM entities"). It must allow all that these roles need; the local stack refuses a boundary.
    kms_key_arn: encrypt log groups, repositories and generated secrets with this key of yours, in the stack's region,
    instead of keys that AWS owns or manages; docs/components.md says what its policy must allow (UNVERIFIED).
    A changed key replaces the repositories and generates new secrets. Tables have their own key, `Table.kms_key_arn`; a
    bucket for access logs cannot have one.
    guardduty: let GuardDuty Runtime Monitoring add its agent to tasks; see `GuardDutyAgent`.
    tags: for every resource that can have tags.

    Raises InvalidArguments for what AWS would refuse.
    """

    account: Account
    network: Network
    load_balancer: LoadBalancer
    cluster: Cluster
    keyspace: aws.keyspaces.Keyspace

    def __init__(
        self,
        name: str,
        *,
        keyspace: str,
        network: NewVpc | ExistingVpc | None = None,
        load_balancer: PublicLoadBalancer | ExistingListener | None = None,
        cluster: NewCluster | ExistingCluster | None = None,
        protect: bool = False,
        log_retention_days: int = 7,
        kms_key_arn: pulumi.Input[str] | None = None,
        role_path: str | None = None,
        permissions_boundary_arn: pulumi.Input[str] | None = None,
        guardduty: GuardDutyAgent | None = None,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        check_name("Environment", name)
        self.check(keyspace=keyspace, log_retention_days=log_retention_days, kms_key_arn=kms_key_arn)
        raise_for(
            "Environment",
            {
                "role_path": None
                if role_path is None or (_ROLE_PATH.fullmatch(role_path) and len(role_path) <= _ROLE_PATH_MAX)
                else f"is {role_path!r}; use / or a path such as /teams/shop/, up to {_ROLE_PATH_MAX} characters",
                "permissions_boundary_arn": _BOUNDARY.mistake(permissions_boundary_arn),
            },
        )
        super().__init__("keyspaces-platform:index:Environment", name, {}, opts)
        self.protect = protect
        self.role_path = role_path
        self.guardduty = guardduty
        self.permissions_boundary_arn = permissions_boundary_arn
        self.log_retention_days = log_retention_days
        self.tags = dict(tags or {})

        self.account = Account.of(self)
        self.kms_key_arn = (
            KMS_KEY.in_region("Environment", "kms_key_arn", kms_key_arn, self.account) if kms_key_arn else None
        )
        self.network = create_network(
            name,
            network or NewVpc(),
            account=self.account,
            keyspace=keyspace,
            agent=guardduty,
            tags=self.tags,
            parent=self,
        )
        self.load_balancer = create_load_balancer(
            name,
            load_balancer or PublicLoadBalancer(),
            network=self.network,
            account=self.account,
            protect=protect,
            tags=self.tags,
            parent=self,
        )
        self.cluster = create_cluster(name, cluster or NewCluster(), account=self.account, tags=self.tags, parent=self)
        self.keyspace = aws.keyspaces.Keyspace(
            name,
            name=keyspace,
            tags=self.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect or None,  # None keeps the protection that `opts` gives
                delete_before_replace=True,  # the name in AWS is fixed
                # Keyspaces creates and deletes asynchronously; the provider's own limit, one minute, is too short.
                custom_timeouts=pulumi.CustomTimeouts(create="5m", delete="5m"),
            ),
        )
        self.register_outputs(
            {"url": self.load_balancer.url, "cluster": self.cluster.name, "keyspace": self.keyspace.name}
        )

    @staticmethod
    def check(*, keyspace: str, log_retention_days: int, kms_key_arn: pulumi.Input[str] | None = None) -> None:
        """Raises InvalidArguments."""
        raise_for(
            "Environment",
            {
                "keyspace": None
                if _KEYSPACE.fullmatch(keyspace)
                else f"is {keyspace!r}; use 2 to 48 letters, digits and _, beginning with a letter or digit, but not"
                " with system, as Keyspaces' own keyspaces do",
                "log_retention_days": None
                if log_retention_days in _LOG_RETENTION_DAYS
                else f"is {log_retention_days}; use {', '.join(map(str, _LOG_RETENTION_DAYS))}",
                "kms_key_arn": KMS_KEY.mistake(kms_key_arn),
            },
        )
