"""The stack's settings as the components take them, checked all at once before anything is created.

Pulumi.yaml describes each and gives its default; docs/settings.md says more.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import pulumi

from components import (
    AccessLogs,
    Alarms,
    Environment,
    ExistingCluster,
    ExistingListener,
    ExistingVpc,
    Https,
    NewCluster,
    NewVpc,
    OnDemand,
    Provisioned,
    PublicLoadBalancer,
    Scaling,
    Service,
    Spot,
    Table,
)
from components.arguments import outside
from components.cluster import ContainerInsights
from components.config import Setting, StackConfig
from components.network.vpc import WayOut
from components.tables.table import TIME_TO_LIVE_MAX
from components.tasks.architecture import Architecture
from components.tasks.task_definition import check_size


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Arguments: environment of `Environment`, table of `Table`, query_api of query-api, service of its `Service`.

    variables: of query-api's environment; none where the setting is what the API does by itself.
    """

    environment: Mapping[str, Any]
    table: Mapping[str, Any]
    query_api: Mapping[str, Any]
    service: Mapping[str, Any]
    variables: Mapping[str, str]
    architecture: Architecture
    run_id: str


def read_settings() -> Settings:
    """Raises pulumi.RunError naming every setting that is wrong."""
    config = StackConfig()
    settings = Settings(
        environment={
            "network": _network(config),
            "load_balancer": _load_balancer(config),
            "cluster": _cluster(config),
            "protect": config["protect"].value,
            **config.arguments(
                Environment.check, keyspace=config["keyspace"], log_retention_days=config["logRetentionDays"]
            ),
        },
        table=_table(config),
        query_api=_query_api(config),
        service=_service(config),
        variables=_variables(config),
        architecture=config.choice("architecture", Architecture).value,
        run_id=config["runId"].value,
    )
    config.finish()
    return settings


def _network(config: StackConfig) -> NewVpc | ExistingVpc | None:
    new = {
        "way_out": config.choice("wayOut", WayOut),
        "cidr": config["vpcCidr"],
        "zones": config["availabilityZones"],
    }
    existing = {
        "public_subnet_ids": config["publicSubnetIds"],
        "task_subnet_ids": config["taskSubnetIds"],
        "assign_public_ip": config["taskPublicIps"],
        "keyspaces_security_group_id": config["keyspacesSecurityGroupId"].or_none(),
    }
    if vpc_id := config["vpcId"]:
        config.exclude(new.values(), "vpcId names a VPC that is there")
        return config.make(ExistingVpc, vpc_id=vpc_id, **existing)
    config.exclude(existing.values(), "vpcId is not set")
    # With another way out, sessions and secrets take that.
    endpoints = new["way_out"].value == "endpoints"
    return config.make(NewVpc, **new, session_endpoint=endpoints and bool(config["exec"]), parameter_endpoint=endpoints)


def _load_balancer(config: StackConfig) -> PublicLoadBalancer | ExistingListener | None:
    https = {
        "domain": config["domain"].or_none(),
        "hosted_zone_id": config["hostedZoneId"].or_none(),
        "certificate_arn": config.arn("certificateArn"),
    }
    new = {"allowed_cidrs": config["allowedCidrs"], "web_acl_arn": config.arn("webAclArn")}
    days = config["accessLogDays"]
    existing = {"security_group_id": config["listenerSecurityGroupId"], "url": config["listenerUrl"]}
    if listener_arn := config.arn("listenerArn"):
        config.exclude([*https.values(), *new.values(), days], "listenerArn names a load balancer that is there")
        return config.make(ExistingListener, listener_arn=listener_arn, **existing)
    config.exclude(existing.values(), "listenerArn is not set")
    return config.make(
        PublicLoadBalancer,
        **new,
        https=config.make(Https, **https) if any(https.values()) else None,
        access_logs=config.make(AccessLogs, days=days) if days else None,
    )


def _cluster(config: StackConfig) -> NewCluster | ExistingCluster | None:
    insights = config.choice("containerInsights", ContainerInsights)
    if arn := config.arn("clusterArn"):
        config.exclude([insights], "clusterArn names a cluster that is there")
        return config.make(ExistingCluster, arn=arn)
    return config.make(NewCluster, container_insights=insights)


def _table(config: StackConfig) -> Mapping[str, Any]:
    if config["protect"] and config["allowTableReplacement"]:
        config.refuse("allowTableReplacement", "contradicts protect: protected tables are not replaced")
    # Any schema will do to check the options with.
    with_options = partial(Table, name="any", columns={"id": "text"}, partition_key=["id"])
    return config.arguments(
        with_options,
        capacity=_capacity(config),
        point_in_time_recovery=config["pointInTimeRecovery"],
        kms_key_arn=config.arn("kmsKeyArn"),
        time_to_live=_time_to_live(config),
        client_side_timestamps=config["clientSideTimestamps"],
        allow_replacement=config["allowTableReplacement"],
    )


def _query_api(config: StackConfig) -> Mapping[str, Any]:
    topic_arn, rollback = config.arn("alarmTopicArn"), config["rollbackOnAlarms"]
    if not topic_arn:
        config.exclude([rollback], "there are no alarms without alarmTopicArn")
    return {
        **config.arguments(
            partial(check_size, "query-api"), cpu=config["queryApiCpu"], memory=config["queryApiMemory"]
        ),
        "alarms": config.make(Alarms, topic_arn=topic_arn, rollback=rollback) if topic_arn else None,
        "dashboard": config["dashboard"].value,
    }


def _variables(config: StackConfig) -> Mapping[str, str]:
    max_age, read_cache = config["queryApiCacheMaxAge"], config["queryApiReadCache"]
    for setting, high in ((max_age, 31_536_000), (read_cache, 3600)):
        if mistake := outside(setting.value, 0, high, "seconds"):
            config.refuse(setting.key, mistake)
    variables = {
        "CACHE_MAX_AGE": str(max_age.value) if max_age else None,
        "SHARE_READS": None if config["queryApiShareReads"] else "false",
        "READ_CACHE_SECONDS": str(read_cache.value) if read_cache else None,
        "METRICS_NAMESPACE": pulumi.get_project() if config["queryApiMetrics"] else None,
    }
    return {name: value for name, value in variables.items() if value is not None}


def _service(config: StackConfig) -> Mapping[str, Any]:
    return config.arguments(
        Service,
        hosts=config["queryApiHosts"],
        priority=config["queryApiPriority"].or_none(),
        tasks=config["queryApiTasks"],
        scaling=_scaling(config),
        spot=_spot(config),
        exec=config["exec"],
    )


def _scaling(config: StackConfig) -> Scaling | None:
    tasks, max_tasks = config["queryApiTasks"], config["queryApiMaxTasks"]
    by = {
        "cpu": config["scaleAtCpu"].or_none(),
        "memory": config["scaleAtMemory"].or_none(),
        "requests": config["scaleAtRequests"].or_none(),
    }
    if not max_tasks:
        config.exclude(by.values(), "queryApiMaxTasks is 0, so tasks are not scaled")
        return None
    if not any(by.values()):
        config.refuse("scaleAtCpu", "is 0, as scaleAtMemory and scaleAtRequests are; set one of them above 0")
        return None
    if max_tasks.value < tasks.value:
        config.refuse(
            "queryApiMaxTasks", f"is {max_tasks.value}; use queryApiTasks, {tasks.value}, or more, or 0 for no scaling"
        )
        return None
    return config.make(Scaling, max_tasks=max_tasks, **by)


def _spot(config: StackConfig) -> Spot | None:
    weights = {"on_demand_weight": config["onDemandWeight"], "on_demand_base": config["onDemandBase"]}
    if spot_weight := config["spotWeight"]:
        return config.make(Spot, spot_weight=spot_weight, **weights)
    config.exclude(weights.values(), "spotWeight is 0, so no task is on Spot")
    return None


def _capacity(config: StackConfig) -> OnDemand | Provisioned | None:
    units = {"read": config["tableReadUnits"], "write": config["tableWriteUnits"]}
    mode = config.choice("tableCapacity", Literal["on-demand", "provisioned"])
    if mode.wrong:
        return None
    if mode.value == "on-demand":
        config.exclude(units.values(), "tableCapacity is on-demand")
        return OnDemand()
    return config.make(Provisioned, **{argument: _units(config, setting) for argument, setting in units.items()})


def _units(config: StackConfig, setting: Setting) -> Setting:
    """`5` as (5, 5) and `1-10` as (1, 10)."""
    parsed = re.fullmatch(r"(\d+)(?:-(\d+))?", setting.value)
    if parsed:
        low, high = int(parsed[1]), int(parsed[2] or parsed[1])
        if 1 <= low <= high:
            return replace(setting, value=(low, high))
    config.refuse(setting.key, f"is {setting.value!r}; use a number from 1 up, such as 5, or a range, such as 1-10")
    return replace(setting, value=(1, 1), wrong=True)


def _time_to_live(config: StackConfig) -> Setting:
    setting = config["timeToLive"]
    if setting.value == "never":
        return replace(setting, value=None)
    if re.fullmatch(r"0|[1-9]\d{0,8}", setting.value) and int(setting.value) <= TIME_TO_LIVE_MAX:
        return replace(setting, value=int(setting.value))
    config.refuse(setting.key, f"is {setting.value!r}; use never, or 0 to {TIME_TO_LIVE_MAX} seconds")
    return replace(setting, value=None, wrong=True)
