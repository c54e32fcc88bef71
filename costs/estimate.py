"""The cost of a declared program: idle for a month, for a million requests, and for each run or start."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from costs import bulk, containers, data, network, scaling, schedules, watching
from costs.assumptions import DEFAULTS, Assumptions
from costs.items import Item, merged, total, unclear
from costs.prices import HOSTED_ZONE, KEY
from costs.requests import BUCKET, WEB_ACL, request_items
from declared.program import Program, Resource

Pricing = Callable[[Resource, Program, Assumptions], Iterator[Item]]
_OUR_COMPONENTS = "keyspaces-platform:index:"  # components, which have no cost of their own


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """idle: a month without requests. requests: a million requests. each_time: for each event, such as a run."""

    idle: list[Item]
    requests: list[Item]
    each_time: list[Item]

    def a_month(self, million_requests: float = 0) -> float:
        return total(self.idle) + million_requests * total(self.requests)


def _key(key: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    yield Item(what="KMS keys", count=1, price=KEY)


def _zone(zone: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    yield Item(what="Hosted zones", count=1, price=HOSTED_ZONE)


# These are billed by the hour or month.
IDLE: Mapping[str, Pricing] = {
    network.VPC: network.vpc_items,
    network.ENDPOINT: network.endpoint_items,
    network.BALANCER: network.balancer_items,
    containers.SERVICE: containers.service_items,
    "aws:ecs/cluster:Cluster": containers.cluster_items,
    "aws:ecr/repository:Repository": containers.repository_items,
    "aws:keyspaces/keyspace:Keyspace": data.keyspace_items,
    data.TABLE: data.table_items,
    "aws:appautoscaling/policy:Policy": scaling.policy_items,
    schedules.SCHEDULE: schedules.schedule_items,
    "aws:cloudwatch/metricAlarm:MetricAlarm": watching.alarm_items,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": watching.composite_items,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": watching.filter_items,
    "aws:kms/key:Key": _key,
    "aws:route53/zone:Zone": _zone,
}

EACH_TIME: Mapping[str, Pricing] = {containers.RUN: containers.run_items, bulk.RUN: bulk.run_items}

# These cost nothing while they are idle; their usage is part of the requests' cost.
FREE = frozenset(
    {
        "aws:acm/certificate:Certificate",  # a public one, not exported
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        "aws:appautoscaling/target:Target",
        watching.DASHBOARDS,  # three are free; `dashboard_items` counts more
        "aws:cloudwatch/eventRule:EventRule",  # free for events of AWS services
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
        "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        containers.DEFINITION,
        bulk.JOB,
        "aws:iam/policy:Policy",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:kms/alias:Alias",
        "aws:kms/keyPolicy:KeyPolicy",
        "aws:lb/listener:Listener",
        "aws:lb/listenerCertificate:ListenerCertificate",
        "aws:lb/listenerRule:ListenerRule",
        "aws:lb/targetGroup:TargetGroup",
        "aws:route53/record:Record",
        BUCKET,
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketObjectv2:BucketObjectv2",  # the program and the jars of a bulk load: 14 MB
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:scheduler/scheduleGroup:ScheduleGroup",
        "aws:sns/topic:Topic",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queue:Queue",  # an account's first million requests a month are free (SQS pricing page)
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        WEB_ACL,  # the association; the stack does not declare the web ACL
        "docker:index/image:Image",  # built on the machine that runs Pulumi; its repository has the cost
        "pulumi-python:dynamic/ecs:Deployment",
        "pulumi-python:dynamic/ecs:TaskStop",
        "pulumi-python:dynamic/ec2:NetworkLayout",
        "pulumi-python:dynamic/glue:BulkStop",
        "pulumi-python:dynamic/keyspaces:TableSchema",
        "pulumi-python:dynamic/ssm:SecretParameter",  # in the standard tier, under the account's default key
        "pulumi:providers:aws",
    }
)


def estimate(program: Program, assumptions: Assumptions = DEFAULTS) -> Estimate:
    """The cost of all resources; leaves none out. Raises ProgramError for a type, or inputs, of unknown cost."""
    for resource in program.resources:
        known = resource.type in IDLE or resource.type in EACH_TIME or resource.type in FREE
        if not known and not resource.type.startswith(_OUR_COMPONENTS):
            raise unclear(resource, "add its type to the priced or the free types in costs/estimate.py")

    def items(pricing_by_type: Mapping[str, Pricing]) -> Iterator[Item]:
        """Sorted by type and name, since the order of declaration is not always the same."""
        for type_, pricing in pricing_by_type.items():
            for resource in sorted(program.of_type(type_), key=lambda resource: resource.name):
                yield from pricing(resource, program, assumptions)

    return Estimate(
        idle=merged(
            [
                *items(IDLE),
                *watching.dashboard_items(program),
                *watching.health_check_items(program, assumptions),
                *watching.own_metric_items(program, assumptions),
            ]
        ),
        requests=merged(request_items(program, assumptions)),
        each_time=merged([*items(EACH_TIME), *containers.start_items(program, assumptions)]),
    )
