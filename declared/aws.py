"""The values that AWS would compute for the declared resources, if something here depends on them."""

import hashlib
import re
from collections.abc import Callable, Mapping

from declared.errors import ProgramError
from declared.program import Answer, Call, Computed, Inputs

ACCOUNT = "000000000000"
EXISTING_VPC_CIDR = "10.0.0.0/16"
# By the beginning of a region's name: the partition, and the DNS suffix of its services.
_PARTITIONS = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}
_LOAD_BALANCER_ID = "50dc6c495c0c9188"


def _partition(region: str) -> tuple[str, str]:
    return next((of for begin, of in _PARTITIONS.items() if region.startswith(begin)), ("aws", "amazonaws.com"))


def _zone_prefix(region: str) -> str:
    """The beginning of the IDs of a region's zones: `apne1` for ap-northeast-1."""
    return re.sub(r"(north|south|east|west|central|gov)|-", lambda found: (found[1] or "")[:1], region)


def computed_by(region: str, load_balancer: str) -> Computed:
    """load_balancer: `host:port`, used as every load balancer's DNS name."""
    partition, dns_suffix = _partition(region)

    def arn(service: str, resource: str) -> str:
        return f"arn:{partition}:{service}:{region}:{ACCOUNT}:{resource}"

    def repository_url(name: str) -> str:
        return f"{ACCOUNT}.dkr.ecr.{region}.{dns_suffix}/{name}"

    # By resource type: the outputs that are not inputs, from logical name and inputs.
    outputs: Mapping[str, Callable[[str, Inputs], Inputs]] = {
        "aws:acm/certificate:Certificate": lambda name, inputs: {
            "arn": arn("acm", f"certificate/{name}"),
            "domainValidationOptions": [
                {
                    "domainName": inputs["domainName"],
                    "resourceRecordName": f"_0a1b.{inputs['domainName']}.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_2c3d.acm-validations.aws.",
                }
            ]
            if inputs.get("validationMethod") == "DNS"
            else [],
        },
        "aws:appautoscaling/policy:Policy": lambda name, _: {
            "name": name,
            "arn": arn("autoscaling", f"scalingPolicy:{name}"),
        },
        "aws:appautoscaling/target:Target": lambda name, _: {
            "arn": arn("application-autoscaling", f"scalable-target/{name}")
        },
        "aws:cloudwatch/dashboard:Dashboard": lambda _, inputs: {
            "dashboardArn": f"arn:{partition}:cloudwatch::{ACCOUNT}:dashboard/{inputs['dashboardName']}"
        },
        "aws:cloudwatch/metricAlarm:MetricAlarm": lambda name, _: {
            "name": name,
            "arn": arn("cloudwatch", f"alarm:{name}"),
        },
        "aws:cloudwatch/logGroup:LogGroup": lambda name, _: {"name": name, "arn": arn("logs", f"log-group:{name}")},
        "aws:ecr/repository:Repository": lambda name, _: {
            "name": name,
            "arn": arn("ecr", f"repository/{name}"),
            "registryId": ACCOUNT,
            "repositoryUrl": repository_url(name),
        },
        "docker:index/image:Image": lambda name, _: {
            # Nothing is built; any digest will do that is different for each image.
            "repoDigest": f"{repository_url(name)}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"
        },
        "aws:ecs/cluster:Cluster": lambda name, _: {"name": name, "arn": arn("ecs", f"cluster/{name}")},
        "aws:ecs/service:Service": lambda name, _: {"name": name, "arn": arn("ecs", f"service/{name}")},
        "aws:ecs/taskDefinition:TaskDefinition": lambda _, inputs: {
            "arn": arn("ecs", f"task-definition/{inputs['family']}:1")
        },
        "aws:cloudwatch/eventRule:EventRule": lambda name, _: {"name": name, "arn": arn("events", f"rule/{name}")},
        "aws:scheduler/scheduleGroup:ScheduleGroup": lambda name, _: {
            "name": name,
            "arn": arn("scheduler", f"schedule-group/{name}"),
        },
        "aws:sqs/queue:Queue": lambda name, _: {
            "name": name,
            "arn": arn("sqs", name),
            "url": f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{name}",
        },
        "aws:glue/job:Job": lambda _, inputs: {"arn": arn("glue", f"job/{inputs['name']}")},
        "aws:iam/role:Role": lambda name, _: {"name": name, "arn": f"arn:{partition}:iam::{ACCOUNT}:role/{name}"},
        "aws:keyspaces/keyspace:Keyspace": lambda _, inputs: {"arn": arn("cassandra", f"/keyspace/{inputs['name']}/")},
        "aws:kms/key:Key": lambda name, _: {"arn": arn("kms", f"key/{name}")},
        "aws:keyspaces/table:Table": lambda _, inputs: {
            "arn": arn("cassandra", f"/keyspace/{inputs['keyspaceName']}/table/{inputs['tableName']}")
        },
        "aws:lb/listener:Listener": lambda name, _: {
            "arn": arn("elasticloadbalancing", f"listener/app/{name}/{_LOAD_BALANCER_ID}/0123456789abcdef")
        },
        "aws:lb/listenerRule:ListenerRule": lambda _, inputs: {
            "arn": f"{inputs['listenerArn'].replace(':listener/', ':listener-rule/')}/9683b2d02a6cabee"
        },
        "aws:lb/loadBalancer:LoadBalancer": lambda name, _: {
            "arn": arn("elasticloadbalancing", f"loadbalancer/app/{name}/{_LOAD_BALANCER_ID}"),
            "arnSuffix": f"app/{name}/{_LOAD_BALANCER_ID}",
            "dnsName": load_balancer,
            "zoneId": "Z00000000000000000000",
        },
        "aws:lb/targetGroup:TargetGroup": lambda name, _: {
            "arn": arn("elasticloadbalancing", f"targetgroup/{name}/0123456789abcdef"),
            "arnSuffix": f"targetgroup/{name}/0123456789abcdef",
        },
        "aws:route53/record:Record": lambda _, inputs: {"fqdn": inputs["name"].removesuffix(".")},
        "aws:route53/zone:Zone": lambda name, _: {"zoneId": f"{name}-zone"},
        "aws:s3/bucket:Bucket": lambda name, _: {"bucket": name, "arn": f"arn:{partition}:s3:::{name}"},
        "aws:ec2/securityGroup:SecurityGroup": lambda name, _: {"arn": arn("ec2", f"security-group/{name}-id")},
        "aws:ec2/vpcEndpoint:VpcEndpoint": lambda name, _: {
            "arn": arn("ec2", f"vpc-endpoint/{name}-id"),
            "prefixListId": f"pl-{name}",
        },
        "awsx:ec2:Vpc": lambda name, inputs: {
            "vpcId": f"vpc-{name}",
            "publicSubnetIds": [f"subnet-public-{zone}" for zone in inputs["availabilityZoneNames"]],
            "privateSubnetIds": [f"subnet-private-{zone}" for zone in inputs["availabilityZoneNames"]],
            "routeTables": [],
            "routes": [],
            "routeTableAssociations": [],
        },
        "pulumi-python:dynamic/ecs:Deployment": lambda name, _: {"deployment_id": f"ecs-svc/{name}"},
        "pulumi-python:dynamic/ecs:TaskRun": lambda name, _: {"task_arn": arn("ecs", f"task/{name}")},
    }

    def computed(type_: str, name: str, inputs: Inputs) -> tuple[str, Inputs]:
        compute = outputs.get(type_)
        return f"{name}-id", compute(name, inputs) if compute else {}

    return computed


def answers_for(region: str) -> Answer:
    zones = [f"{region}{zone}" for zone in "abc"]
    partition, dns_suffix = _partition(region)
    # By function: the result, or a function that computes it from the arguments.
    answers: Mapping[str, Inputs | Callable[[Inputs], Inputs]] = {
        "aws:index/getRegion:getRegion": {"region": region},
        "aws:index/getPartition:getPartition": {"partition": partition, "dnsSuffix": dns_suffix},
        "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
        "aws:ec2/getSubnet:getSubnet": lambda args: {
            # Any zone will do, if a subnet always has the same one.
            "availabilityZone": zones[int(args["id"][-1], 16) % len(zones)],
        },
        "aws:ec2/getSubnets:getSubnets": lambda args: {
            "ids": [id_ for filter_ in args["filters"] if filter_["name"] == "subnet-id" for id_ in filter_["values"]]
        },
        "aws:ec2/getVpc:getVpc": {
            "cidrBlock": EXISTING_VPC_CIDR,
            "cidrBlockAssociations": [{"associationId": "a", "cidrBlock": EXISTING_VPC_CIDR, "state": "associated"}],
        },
        "aws:ec2/getVpcEndpointService:getVpcEndpointService": lambda args: {
            "serviceName": f"com.amazonaws.{region}.{args['service']}"
            if "service" in args
            else args["filters"][0]["values"][0],
            "availabilityZones": zones,
            "vpcEndpointPolicySupported": True,
        },
        # The root zone, which contains every domain.
        "aws:route53/getZone:getZone": lambda args: {"zoneId": args["zoneId"], "name": ".", "privateZone": False},
        "aws:index/getAvailabilityZones:getAvailabilityZones": {
            "names": zones,
            "zoneIds": [f"{_zone_prefix(region)}-az{number}" for number in range(1, len(zones) + 1)],
        },
        "aws:ecr/getAuthorizationToken:getAuthorizationToken": {"userName": "AWS", "password": "none"},
    }

    def answer(call: Call) -> Inputs:
        try:
            found = answers[call.token]
            return found(call.args) if callable(found) else found
        except KeyError:
            raise ProgramError(f"the program calls {call.token}, for which declared/aws.py has no answer") from None

    return answer
