"""Tags on every resource that takes tags."""

from collections.abc import Iterator

from rules.rule import Resource, Schema, rule
from rules.values import is_known

_REQUIRED: Schema = {
    "requiredTags": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["Project", "Stack"],
        "description": "Keys of the tags that every resource must have.",
    }
}

# Types of resources in such stacks that take tags, by module.
_NAMES_BY_MODULE = {
    "acm": "certificate",
    "alb": "listener listenerRule loadBalancer targetGroup",
    "appautoscaling": "target",
    "backup": "plan vault",
    "cloudwatch": "compositeAlarm eventBus eventRule logDelivery logDeliveryDestination logDeliverySource logGroup"
    " metricAlarm metricStream",
    "dynamodb": "table",
    "ec2": "defaultRouteTable defaultSecurityGroup egressOnlyInternetGateway eip flowLog instance internetGateway"
    " launchTemplate managedPrefixList natGateway networkAcl networkInterface routeTable securityGroup subnet vpc"
    " vpcDhcpOptions vpcEndpoint vpcEndpointService vpcPeeringConnection",
    "ecr": "repository",
    "ecs": "capacityProvider cluster expressGatewayService service taskDefinition taskSet",
    "glue": "job",
    "iam": "instanceProfile openIdConnectProvider policy role user",
    "keyspaces": "keyspace table",
    "kms": "key replicaKey",
    "lambda": "function",
    "lb": "listener listenerRule loadBalancer targetGroup trustStore",
    "rds": "cluster instance",
    "resourcegroups": "group",
    "route53": "healthCheck resolverEndpoint resolverRule zone",
    "s3": "accessPoint bucket bucketObjectv2 bucketV2",
    "scheduler": "scheduleGroup",
    "secretsmanager": "secret",
    "servicediscovery": "httpNamespace privateDnsNamespace publicDnsNamespace service",
    "sns": "topic",
    "sqs": "queue",
    "ssm": "document parameter",
    "synthetics": "canary",
    "vpc": "securityGroupEgressRule securityGroupIngressRule",
    "wafv2": "ipSet regexPatternSet ruleGroup webAcl",
}
TAGGABLE = frozenset(
    f"aws:{module}/{name}:{name[0].upper()}{name[1:]}"
    for module, names in _NAMES_BY_MODULE.items()
    for name in names.split()
)


def _takes_tags(resource: Resource) -> bool:
    """Whether this resource takes tags.

    The inputs of an untagged resource do not say so, and the pack cannot ask a provider. Any of three signs is enough:

    - it is of a type in TAGGABLE, which a test compares with what the program declares and with the provider's SDK;
    - it has an input `tagsAll`: the aws provider, when it checks inputs, adds it to every resource that takes tags,
      tagged or not, with the provider's default tags in it (pulumi/pulumi-aws, `provider/tags.go`). It does so only
      for resources that are written with Terraform's older SDK: most of them, but not security group rules, for
      example. UNVERIFIED on a real engine;
    - it has other tags than the required ones already.

    Components and other providers' resources are left out: their `tags` may be something else (docker-build's are
    names of images), and the resources in a component are checked themselves.
    """
    return resource.type.startswith("aws:") and (
        resource.type in TAGGABLE or "tagsAll" in resource.inputs or isinstance(resource.inputs.get("tags"), dict)
    )


def _untagged(resource: Resource) -> Iterator[str]:
    if not _takes_tags(resource):
        return
    tags, tags_all, default_tags = resource.inputs.get("tags"), resource.inputs.get("tagsAll"), resource.default_tags
    if not is_known(tags) or not is_known(default_tags) or (default_tags is None and not is_known(tags_all)):
        return
    present: dict[str, object] = {}
    # One tag with an unknown value makes all of tagsAll unknown; the other two still show the tags.
    for some in (default_tags, tags_all, tags):
        present |= some if isinstance(some, dict) else {}
    missing = [tag for tag in resource.settings["requiredTags"] if present.get(tag) in (None, "")]
    if missing:
        yield f"has no tag {', '.join(missing)}: add {'them' if len(missing) > 1 else 'it'} to tags"


POLICIES = [
    rule(
        "resources-are-tagged",
        "Without tags, costs cannot be assigned to a stack, and its leftover resources cannot be found.",
        _untagged,
        settings=_REQUIRED,
    ),
]
