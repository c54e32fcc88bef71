"""Pulumi.yaml and settings/: every setting of a stack, its effect, and the refused values."""

import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from declared.errors import ProgramError
from declared.program import Program
from tests.evaluation import ROOT, container, evaluate, one

_SETTINGS = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list}

_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
_KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
_TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
_LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2"
_WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/api/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
_AGENT = "593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate"
_VPC = {
    "vpcId": "vpc-0123456789abcdef0",
    "publicSubnetIds": '["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]',
    "taskSubnetIds": '["subnet-0123456789abcdef3", "subnet-0123456789abcdef4"]',
}
_LISTENING = {"listenerArn": _LISTENER, "listenerSecurityGroupId": "sg-0123456789abcdef0"}
_DOMAIN = {"domain": "api.example.com", "hostedZoneId": "Z0123456789ABCDEFGHIJ"}
_SCALED = {"queryApiMaxTasks": "8"}
_BY_TIME = {**_SCALED, "queryApiScalingSchedule": '["cron(0 7 ? * MON-FRI *) 4-12"]'}
_PROVISIONED = {"tableCapacity": "provisioned"}

TABLE = ("aws:keyspaces/table:Table", "load-countries-countries")
SERVICE = ("aws:ecs/service:Service", "query-api")
DEFINITION = ("aws:ecs/taskDefinition:TaskDefinition", "query-api")
BALANCER = ("aws:lb/loadBalancer:LoadBalancer", "keyspaces")
ACTION = ("aws:appautoscaling/scheduledAction:ScheduledAction", "query-api-1")
POLICY = "aws:appautoscaling/policy:Policy"
_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

# For each setting: an example, and the resource, the input and the value that it changes.
_EFFECTS: list[tuple[str, dict[str, str], tuple[str, str], str, Any]] = [
    ("keyspace", {"keyspace": "geo"}, ("aws:keyspaces/keyspace:Keyspace", "keyspaces"), "name", "geo"),
    ("protect", {"protect": "true"}, BALANCER, "enableDeletionProtection", True),
    ("pointInTimeRecovery", {"pointInTimeRecovery": "true"}, TABLE, "pointInTimeRecovery.status", "ENABLED"),
    ("kmsKeyArn", {"kmsKeyArn": _KEY}, TABLE, "encryptionSpecification.kmsKeyIdentifier", _KEY),
    (
        "environmentKmsKeyArn",
        {"environmentKmsKeyArn": _KEY},
        ("aws:cloudwatch/logGroup:LogGroup", "query-api"),
        "kmsKeyId",
        _KEY,
    ),
    ("timeToLive", {"timeToLive": "0"}, TABLE, "ttl.status", "ENABLED"),
    ("timeToLive", {"timeToLive": "3600"}, TABLE, "defaultTimeToLive", 3600),
    ("clientSideTimestamps", {"clientSideTimestamps": "true"}, TABLE, "clientSideTimestamps.status", "ENABLED"),
    ("tableCapacity", _PROVISIONED, TABLE, "capacitySpecification.throughputMode", "PROVISIONED"),
    (
        "tableReadUnits",
        {**_PROVISIONED, "tableReadUnits": "7"},
        TABLE,
        "capacitySpecification.readCapacityUnits",
        7,
    ),
    (
        "tableWriteUnits",
        {**_PROVISIONED, "tableWriteUnits": "2-9"},
        ("aws:appautoscaling/target:Target", "load-countries-countries-write"),
        "maxCapacity",
        9,
    ),
    (
        "allowTableReplacement",
        {"allowTableReplacement": "true"},
        ("pulumi-python:dynamic/keyspaces:TableSchema", "load-countries-countries"),
        "allow_replacement",
        True,
    ),
    ("runId", {"runId": "again"}, ("pulumi-python:dynamic/ecs:TaskRun", "load-countries"), "run_id", "again"),
    ("egress", {"egress": "nat-per-zone"}, ("awsx:ec2:Vpc", "keyspaces"), "natGateways.strategy", "OnePerAz"),
    ("egress", {"egress": "public"}, SERVICE, "networkConfiguration.assignPublicIp", True),
    ("egress", {"egress": "endpoints"}, ("awsx:ec2:Vpc", "keyspaces"), "natGateways.strategy", "None"),
    ("vpcCidr", {"vpcCidr": "10.9.0.0/20"}, ("awsx:ec2:Vpc", "keyspaces"), "cidrBlock", "10.9.0.0/20"),
    (
        "availabilityZones",
        {"availabilityZones": '["us-east-1b", "us-east-1c"]'},
        ("awsx:ec2:Vpc", "keyspaces"),
        "availabilityZoneNames",
        ["us-east-1b", "us-east-1c"],
    ),
    ("vpcId", _VPC, ("aws:lb/targetGroup:TargetGroup", "query-api"), "vpcId", _VPC["vpcId"]),
    ("publicSubnetIds", _VPC, BALANCER, "subnets", json.loads(_VPC["publicSubnetIds"])),
    ("taskSubnetIds", _VPC, SERVICE, "networkConfiguration.subnets", json.loads(_VPC["taskSubnetIds"])),
    ("taskPublicIps", {**_VPC, "taskPublicIps": "true"}, SERVICE, "networkConfiguration.assignPublicIp", True),
    (
        "keyspacesSecurityGroupId",
        {**_VPC, "keyspacesSecurityGroupId": "sg-0123456789abcdef0"},
        ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "query-api-to-keyspaces"),
        "referencedSecurityGroupId",
        "sg-0123456789abcdef0",
    ),
    (
        "guardDutyRepository",
        {"guardDutyRepository": _AGENT},
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "keyspaces-guardduty-data"),
        "serviceName",
        "com.amazonaws.us-east-1.guardduty-data",
    ),
    (
        "certificateArn",
        {"certificateArn": _CERTIFICATE},
        ("aws:lb/listener:Listener", "keyspaces-https"),
        "certificateArn",
        _CERTIFICATE,
    ),
    ("domain", _DOMAIN, ("aws:acm/certificate:Certificate", "keyspaces"), "domainName", "api.example.com"),
    ("hostedZoneId", _DOMAIN, ("aws:route53/record:Record", "keyspaces-alias"), "zoneId", _DOMAIN["hostedZoneId"]),
    ("accessLogDays", {"accessLogDays": "30"}, BALANCER, "accessLogs.enabled", True),
    (
        "webAclArn",
        {"webAclArn": _WEB_ACL},
        ("aws:wafv2/webAclAssociation:WebAclAssociation", "keyspaces"),
        "webAclArn",
        _WEB_ACL,
    ),
    (
        "listenerArn",
        {**_LISTENING, "listenerUrl": "https://api.example.com"},
        ("aws:lb/listenerRule:ListenerRule", "query-api"),
        "listenerArn",
        _LISTENER,
    ),
    (
        "queryApiHosts",
        {"queryApiHosts": '["api.example.com", "*.example.org"]'},
        ("aws:lb/listenerRule:ListenerRule", "query-api"),
        "conditions.1.hostHeader.values",
        ["api.example.com", "*.example.org"],
    ),
    (
        "queryApiPriority",
        {"queryApiPriority": "12"},
        ("aws:lb/listenerRule:ListenerRule", "query-api"),
        "priority",
        12,
    ),
    (
        "listenerSecurityGroupId",
        {**_LISTENING, "listenerUrl": "https://api.example.com"},
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "query-api-tasks-from-alb"),
        "referencedSecurityGroupId",
        "sg-0123456789abcdef0",
    ),
    (
        "clusterArn",
        {"clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/shared"},
        SERVICE,
        "cluster",
        "arn:aws:ecs:us-east-1:123456789012:cluster/shared",
    ),
    (
        "containerInsights",
        {"containerInsights": "enhanced"},
        ("aws:ecs/cluster:Cluster", "keyspaces"),
        "settings",
        [{"name": "containerInsights", "value": "enhanced"}],
    ),
    ("architecture", {"architecture": "X86_64"}, DEFINITION, "runtimePlatform.cpuArchitecture", "X86_64"),
    (
        "architecture",
        {"architecture": "X86_64"},
        ("docker:index/image:Image", "query-api"),
        "build.platform",
        "linux/amd64",
    ),
    ("queryApiTasks", {"queryApiTasks": "3"}, SERVICE, "desiredCount", 3),
    ("queryApiMaxTasks", _SCALED, ("aws:appautoscaling/target:Target", "query-api"), "maxCapacity", 8),
    ("queryApiScalingSchedule", _BY_TIME, ACTION, "scalableTargetAction.minCapacity", 4),
    ("queryApiScalingSchedule", _BY_TIME, ACTION, "scalableTargetAction.maxCapacity", 12),
    ("queryApiScalingSchedule", _BY_TIME, ACTION, "schedule", "cron(0 7 ? * MON-FRI *)"),
    ("scalingTimezone", {**_BY_TIME, "scalingTimezone": "Europe/Berlin"}, ACTION, "timezone", "Europe/Berlin"),
    (
        "scaleAtCpu",
        {**_SCALED, "scaleAtCpu": "40"},
        (POLICY, "query-api-cpu"),
        "targetTrackingScalingPolicyConfiguration.targetValue",
        40,
    ),
    (
        "scaleAtMemory",
        {**_SCALED, "scaleAtMemory": "70"},
        (POLICY, "query-api-memory"),
        "targetTrackingScalingPolicyConfiguration.targetValue",
        70,
    ),
    (
        "scaleAtRequests",
        {**_SCALED, "scaleAtRequests": "900"},
        (POLICY, "query-api-requests"),
        "targetTrackingScalingPolicyConfiguration.targetValue",
        900,
    ),
    ("queryApiCpu", {"queryApiCpu": "1024", "queryApiMemory": "2048"}, DEFINITION, "cpu", "1024"),
    ("queryApiMemory", {"queryApiMemory": "2048"}, DEFINITION, "memory", "2048"),
    ("spotWeight", {"spotWeight": "4"}, SERVICE, "capacityProviderStrategies.1.weight", 4),
    ("onDemandWeight", {"spotWeight": "4", "onDemandWeight": "2"}, SERVICE, "capacityProviderStrategies.0.weight", 2),
    ("onDemandBase", {"spotWeight": "4", "onDemandBase": "3"}, SERVICE, "capacityProviderStrategies.0.base", 3),
    ("exec", {"exec": "true"}, SERVICE, "enableExecuteCommand", True),
    (
        "logRetentionDays",
        {"logRetentionDays": "30"},
        ("aws:cloudwatch/logGroup:LogGroup", "query-api"),
        "retentionInDays",
        30,
    ),
    (
        "alarmTopicArn",
        {"alarmTopicArn": _TOPIC},
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "query-api-errors"),
        "alarmActions",
        [_TOPIC],
    ),
    ("rollbackOnAlarms", {"alarmTopicArn": _TOPIC, "rollbackOnAlarms": "true"}, SERVICE, "alarms.rollback", True),
]
# Settings whose effect is not one input.
_VARIABLES = {
    "queryApiCacheMaxAge",
    "queryApiMetrics",
    "queryApiReadCache",
    "queryApiShareReads",
    "queryApiTracePercent",
}
_IMAGES = {"queryApiImage": "query-api", "loadCountriesImage": "load-countries"}
_ELSEWHERE = {"allowedCidrs", "dashboard", "listenerUrl", *_VARIABLES, *_IMAGES}


def _input(program: Program, resource: tuple[str, str], path: str) -> Any:
    def step(value: Any, key: str) -> Any:
        if isinstance(value, list):
            return value[int(key)] if int(key) < len(value) else None
        return (value or {}).get(key)

    return reduce(step, path.split("."), one(program, *resource).inputs)


@pytest.mark.parametrize("key", _SETTINGS)
def test_describes_every_setting(key: str) -> None:
    """The owner has to read the program to learn what a setting does."""
    setting = _SETTINGS[key]
    assert setting.keys() - {"items"} == {"type", "description", "default"}
    assert type(setting["default"]) is _TYPES[setting["type"]]
    assert len(setting["description"]) > 20


@pytest.mark.parametrize(
    ("settings", "resource", "path", "expected"), [pytest.param(*effect[1:], id=effect[0]) for effect in _EFFECTS]
)
def test_applies_every_setting(settings: dict[str, str], resource: tuple[str, str], path: str, expected: Any) -> None:
    """An owner sets a value, and nothing changes."""
    assert _input(evaluate(settings), resource, path) == expected


_EXISTING_VPC = {"vpcId", "publicSubnetIds", "taskSubnetIds", "taskPublicIps", "keyspacesSecurityGroupId", "clusterArn"}
_EXISTING_LISTENER = {"listenerArn", "listenerSecurityGroupId"}
_OWN_CERTIFICATE = {"certificateArn"}
_ALL_NEW = set(_SETTINGS) - _EXISTING_VPC - _EXISTING_LISTENER - _OWN_CERTIFICATE


@pytest.mark.parametrize("keys", [_ALL_NEW, _EXISTING_VPC, _EXISTING_LISTENER, _OWN_CERTIFICATE])
def test_applies_settings_in_the_preview_of_a_new_stack(keys: set[str]) -> None:
    """`pulumi preview` fails, or shows another change than `pulumi up` makes."""
    together = {"protect": "false"}  # "true" contradicts allowTableReplacement
    tried = []
    for key, settings, *effect in _EFFECTS:
        if key in keys and not any(together.get(other, value) != value for other, value in settings.items()):
            together |= settings
            tried.append(effect)
    preview = evaluate(together, computed=False)
    assert len(tried) >= 0.9 * len(keys - _ELSEWHERE)
    for resource, path, expected in tried:
        assert _input(preview, resource, path) == expected


@pytest.mark.parametrize("key", [effect[0] for effect in _EFFECTS])
def test_differs_by_a_setting(program: Program, key: str) -> None:
    """The test of a setting's effect passes even if the setting does nothing."""
    for _, _, resource, path, expected in (effect for effect in _EFFECTS if effect[0] == key):
        if resource in {(declared.type, declared.name) for declared in program.resources}:
            assert _input(program, resource, path) != expected


def test_tests_every_setting() -> None:
    """A new setting without an effect goes unnoticed."""
    assert {effect[0] for effect in _EFFECTS} | _ELSEWHERE == set(_SETTINGS)


def test_admits_the_allowed_addresses() -> None:
    """A stack that is meant for an office is open to everyone."""
    rules = evaluate(allowedCidrs='["203.0.113.0/24", "198.51.100.0/24"]').of_type(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    )
    assert {rule.inputs["cidrIpv4"] for rule in rules if "cidrIpv4" in rule.inputs} == {
        "203.0.113.0/24",
        "198.51.100.0/24",
    }


@pytest.mark.parametrize("dashboard", ["true", "false"])
def test_creates_a_dashboard_as_set(dashboard: str) -> None:
    """An account that already has three dashboards pays for one more without asking for it."""
    dashboards = list(evaluate(dashboard=dashboard).of_type("aws:cloudwatch/dashboard:Dashboard"))
    assert len(dashboards) == (1 if dashboard == "true" else 0)


@pytest.mark.parametrize(("setting", "name"), _IMAGES.items())
@pytest.mark.parametrize("computed", [True, False])
def test_runs_an_image_that_was_built_elsewhere(setting: str, name: str, computed: bool) -> None:
    """A pipeline builds and tests an image, and `pulumi up` deploys another one."""
    uri = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:{'a' * 64}"
    program = evaluate({setting: uri}, computed=computed)
    assert name not in {build.name for build in program.of_type("docker:index/image:Image")}
    if computed:
        assert container(program, name)["image"] == uri


def _variables(program: Program) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(program, "query-api")["environment"]}


@pytest.mark.parametrize(
    ("setting", "value", "variable", "expected"),
    [
        ("queryApiCacheMaxAge", "60", "CACHE_MAX_AGE", "60"),
        ("queryApiShareReads", "false", "SHARE_READS", "false"),
        ("queryApiReadCache", "3600", "READ_CACHE_SECONDS", "3600"),
        ("queryApiMetrics", "true", "METRICS_NAMESPACE", "keyspaces-platform"),
    ],
)
def test_passes_only_the_given_settings_to_the_api(
    program: Program, setting: str, value: str, variable: str, expected: str
) -> None:
    """A setting has no effect, or a deployment changes the task definition for a variable that does nothing."""
    assert _variables(evaluate({setting: value})) == {**_variables(program), variable: expected}
    assert variable not in _variables(program)


def test_the_api_may_send_traces(program: Program) -> None:
    """The setting has no effect, or tasks send traces that nobody asked for, at a cost."""
    traced = _variables(evaluate(queryApiTracePercent="25"))
    assert traced.keys() - _variables(program).keys() == {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_SERVICE_NAME",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
    }
    assert traced["OTEL_TRACES_SAMPLER_ARG"] == "0.25"


def test_gives_traces_an_endpoint_without_internet() -> None:
    """The setting is refused where the egress is endpoints, although an endpoint would make it work."""
    endpoint = one(evaluate(egress="endpoints", queryApiTracePercent="25"), _ENDPOINT, "keyspaces-xray")
    assert endpoint.inputs["serviceName"] == "com.amazonaws.us-east-1.xray"
    assert not [each for each in evaluate(egress="endpoints").of_type(_ENDPOINT) if each.name == "keyspaces-xray"]


def test_passes_the_trusted_proxies_to_the_api() -> None:
    """The API believes a client address that any client can forge, or only sees the load balancer's address."""
    assert _variables(evaluate(vpcCidr="10.9.0.0/20"))["TRUSTED_PROXIES"] == "10.9.0.0/20"
    assert _variables(evaluate(_VPC))["TRUSTED_PROXIES"] == "10.0.0.0/16"


def test_the_api_gets_its_key_with_every_egress() -> None:
    """Each task signs cursors with its own key, so a client's next page fails at another task."""
    program = evaluate(egress="endpoints")
    (secret,) = container(program, "query-api")["secrets"]
    assert secret["name"] == "CURSOR_KEY"
    assert secret["valueFrom"].endswith(":parameter/keyspaces-platform/dev/query-api/CURSOR_KEY")
    assert one(program, "aws:ec2/vpcEndpoint:VpcEndpoint", "keyspaces-ssm")


def test_outputs_the_url_of_an_existing_listener() -> None:
    """`curl "$(pulumi stack output url)/countries"` has no address to call."""
    program = evaluate(_LISTENING, listenerUrl="https://api.example.com")
    assert program.outputs["url"] == "https://api.example.com"
    assert not list(program.of_type(BALANCER[0]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"queryApiTasks": "two"}, "queryApiTasks is 'two'; use a whole number"),
        ({"protect": "yes"}, "protect is 'yes'; use true or false"),
        ({"allowedCidrs": "10.0.0.0/8"}, "allowedCidrs is '10.0.0.0/8'; use a list such as"),
        (
            {"guardDutyRepository": "guardduty"},
            "guardDutyRepository is 'guardduty'; give the one that GuardDuty's guide lists for the region",
        ),
        ({"egress": "igw"}, "egress is 'igw'; use nat, nat-per-zone, endpoints, public"),
        ({"architecture": "arm"}, "architecture is 'arm'; use ARM64, X86_64"),
        ({"queryApiTask": "3"}, "queryApiTask is not a setting; did you mean queryApiTasks?"),
        ({"queryApiCpu": "300"}, "queryApiCpu is 300; Fargate offers 256, 512, 1024, 2048, 4096, 8192, 16384"),
        ({"queryApiHosts": '["api"]'}, "queryApiHosts has 'api'; a host pattern is up to 128 of"),
        ({"queryApiPriority": "-1"}, "queryApiPriority is -1; use 1 to 50000"),
        ({"queryApiMemory": "4096"}, "queryApiMemory is 4096 MiB; with queryApiCpu 256 Fargate offers 512, 1024, 2048"),
        ({"vpcCidr": "10.0.0.0/8"}, "vpcCidr is a /8; use a /16 to a /25"),
        ({"allowedCidrs": '["10.0.0.300/8"]'}, "allowedCidrs has '10.0.0.300/8'; give IPv4 CIDR blocks"),
        ({"keyspace": "geo-domain"}, "keyspace is 'geo-domain'; use 2 to 48 letters, digits and _"),
        ({"logRetentionDays": "8"}, "logRetentionDays is 8; use 1, 3, 5, 7, 14"),
        ({"availabilityZones": '["us-east-1a"]'}, "availabilityZones is"),
        ({"timeToLive": "1h"}, "timeToLive is '1h'; use never, or 0 to 630720000 seconds"),
        ({"timeToLive": "630720001"}, "timeToLive is '630720001'; use never"),
        ({"queryApiTasks": "1_0"}, "queryApiTasks is '1_0'; use a whole number"),
        ({"allowedCidrs": '"0.0.0.0/0"'}, "allowedCidrs is"),
        ({**_SCALED, "scaleAtCpu": "0"}, "scaleAtCpu is 0, as scaleAtMemory and scaleAtRequests are; set one of them"),
        ({"kmsKeyArn": _KEY.replace("us-east-1", "eu-west-1")}, "kmsKeyArn is in eu-west-1, but the stack is in us-"),
        ({"alarmTopicArn": _TOPIC.replace("us-east-1", "eu-west-1")}, "alarmTopicArn is in eu-west-1, but"),
        ({"certificateArn": _CERTIFICATE.replace("us-east-1", "eu-west-1")}, "certificateArn is in eu-west-1, but"),
        ({**_PROVISIONED, "tableReadUnits": "9-2"}, "tableReadUnits is '9-2'; use a number from 1 up"),
        ({"tableReadUnits": "5"}, "tableReadUnits does nothing, since tableCapacity is on-demand: remove it"),
        ({"queryApiMaxTasks": "1"}, "queryApiMaxTasks is 1; use queryApiTasks, 2, or more, or 0"),
        ({"scaleAtMemory": "70"}, "scaleAtMemory does nothing, since queryApiMaxTasks is 0"),
        ({**_BY_TIME, "queryApiMaxTasks": "0"}, "queryApiScalingSchedule does nothing, since queryApiMaxTasks is 0"),
        (
            {**_SCALED, "queryApiScalingSchedule": '["daily 4"]'},
            "queryApiScalingSchedule has 'daily 4'; use a time and",
        ),
        (
            {**_SCALED, "queryApiScalingSchedule": '["cron(0 25 * * ? *) 4-12"]'},
            "queryApiScalingSchedule is 'cron(0 25 * * ? *)', whose hours '25' is not valid",
        ),
        ({"scalingTimezone": "Europe/Berlin"}, "scalingTimezone does nothing, since queryApiScalingSchedule is empty"),
        ({"onDemandBase": "2"}, "onDemandBase does nothing, since spotWeight is 0"),
        ({"spotWeight": "2000"}, "spotWeight is 2000; use 0 to 1000"),
        (
            {"rollbackOnAlarms": "true"},
            "rollbackOnAlarms does nothing, since there are no alarms without alarmTopicArn",
        ),
        ({"alarmTopicArn": "alarms"}, "alarmTopicArn is 'alarms'; give an ARN such as arn:aws:sns:"),
        ({"domain": "api.example.com"}, "hostedZoneId is missing"),
        ({**_LISTENING, "listenerUrl": "https://a.b", **_DOMAIN}, "domain does nothing, since listenerArn names"),
        ({"listenerUrl": "https://a.b"}, "listenerUrl does nothing, since listenerArn is not set"),
        ({**_VPC, "egress": "public"}, "egress does nothing, since vpcId names an existing VPC"),
        ({"taskSubnetIds": _VPC["taskSubnetIds"]}, "taskSubnetIds does nothing, since vpcId is not set"),
        ({"vpcId": _VPC["vpcId"]}, "publicSubnetIds has 0; give at least 2"),
        ({"protect": "true", "allowTableReplacement": "true"}, "allowTableReplacement contradicts protect"),
        ({"clusterArn": "shared"}, "clusterArn is 'shared'; "),
        ({"accessLogDays": "-1"}, "accessLogDays is -1; use"),
        ({"queryApiCacheMaxAge": "-1"}, "queryApiCacheMaxAge is -1; use 0 to 31536000 seconds"),
        ({"queryApiReadCache": "3601"}, "queryApiReadCache is 3601; use 0 to 3600 seconds"),
        ({"queryApiShareReads": "1"}, "queryApiShareReads is '1'; use true or false"),
        (
            {"queryApiImage": "api:latest"},
            "queryApiImage is 'api:latest'; give an image of a private ECR repository by",
        ),
        ({"kmsKeyArn": "alias/mine"}, "kmsKeyArn is 'alias/mine'; give an ARN such as arn:aws:kms:"),
    ],
)
def test_names_the_mistake_in_a_setting(settings: dict[str, str], said: str) -> None:
    """The update fails halfway, with AWS's error."""
    with pytest.raises(ProgramError) as refused:
        evaluate(settings)
    assert any(mistake.strip().startswith(said) for mistake in str(refused.value).splitlines()[1:-1])


def test_names_every_mistake_at_once() -> None:
    """The owner corrects one mistake after the other, with a `pulumi up` for each."""
    wrong = {"egress": "x", "vpcCidr": "y", "queryApiTasks": "-1", "exec": "1", "keyspace": "!", "domain": "a b"}
    with pytest.raises(ProgramError) as refused:
        evaluate(wrong)
    first, *mistakes, last = str(refused.value).splitlines()
    assert first == "nothing was changed, since settings of stack dev are wrong:"
    assert {mistake.split()[0] for mistake in mistakes} == {*wrong, "hostedZoneId"}
    assert last.startswith("Correct them in Pulumi.dev.yaml or with `pulumi config set")


def test_accepts_the_production_example(production: Program) -> None:
    """A user who copies the example cannot deploy it."""
    assert production.outputs["url"] == "https://countries.example.com"
    assert container(production, "query-api")["readonlyRootFilesystem"] is True
    assert {resource.urn for resource in evaluate(stack="prod", computed=False).resources} == {
        resource.urn for resource in production.resources
    }


def test_sets_nothing_in_dev_but_the_region() -> None:
    """A newcomer has to understand settings before the first deployment: dev needs only the defaults and a region."""
    assert yaml.safe_load(Path(ROOT / "Pulumi.dev.yaml").read_text()) == {"config": {"aws:region": "us-east-1"}}
