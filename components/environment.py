"""What the microservices of a stack share: network, load balancer, cluster, keyspace."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.load_balancer import LoadBalancer, create_load_balancer
from components.names import check_name
from components.network import Network, create_network
from components.vpc import ExistingVpc, NewVpc


class Environment(pulumi.ComponentResource):
    """A place for `KeyspacesMicroservice`s; a stack has one.

    Creates a VPC with public and private subnets in two zones that offer the Keyspaces endpoint, one NAT gateway as
    the tasks' way out, an interface endpoint for Keyspaces with private DNS, a gateway endpoint for S3, an ECS cluster,
    an internet-facing load balancer that answers 404 until a microservice claims a path, and the keyspace.

    name: begins every child's name; see `check_name`.
    keyspace: the keyspace's name, in AWS too.
    network: another VPC or another way out than described above: a `NewVpc`, or an `ExistingVpc`. To change from one
    class to the other replaces what is in the VPC: load balancer, endpoints, tasks.
    protect: refuse to delete or replace the keyspace and its tables, and to delete a repository that holds images.
    log_retention_days: how long CloudWatch keeps the tasks' log lines.
    tags: go on everything that can be tagged.
    """

    account: Account
    network: Network
    load_balancer: LoadBalancer
    cluster: aws.ecs.Cluster
    keyspace: aws.keyspaces.Keyspace

    def __init__(
        self,
        name: str,
        *,
        keyspace: str,
        network: NewVpc | ExistingVpc = NewVpc(),  # noqa: B008  # it is frozen
        protect: bool = False,
        log_retention_days: int = 7,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        check_name("Environment", name)
        super().__init__("keyspaces-platform:index:Environment", name, {}, opts)
        self.protect = protect
        self.log_retention_days = log_retention_days
        self.tags = dict(tags or {})

        self.account = Account.of(self)
        self.network = create_network(
            name, network, account=self.account, keyspace=keyspace, tags=self.tags, parent=self
        )
        self.load_balancer = create_load_balancer(name, network=self.network, tags=self.tags, parent=self)
        self.cluster = aws.ecs.Cluster(name, tags=self.tags, opts=pulumi.ResourceOptions(parent=self))
        self.keyspace = aws.keyspaces.Keyspace(
            name,
            name=keyspace,
            tags=self.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                delete_before_replace=True,  # the name in AWS is fixed
                # Keyspaces creates and deletes asynchronously; the provider's own limit of one minute is short.
                custom_timeouts=pulumi.CustomTimeouts(create="5m", delete="5m"),
            ),
        )
        self.register_outputs(
            {"url": self.load_balancer.url, "cluster": self.cluster.name, "keyspace": self.keyspace.name}
        )
