"""The settings of the platform: network, load balancer, cluster, table."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from components import (
    AccessLogs,
    Environment,
    ExistingCluster,
    ExistingListener,
    ExistingVpc,
    GuardDutyAgent,
    Https,
    NewCluster,
    NewVpc,
    OnDemand,
    Provisioned,
    PublicLoadBalancer,
    Table,
)
from components.cluster import ContainerInsights
from components.network.vpc import Egress
from components.tables.table import TIME_TO_LIVE_MAX
from settings.stack_config import Setting, StackConfig


def read_environment(config: StackConfig) -> Mapping[str, Any]:
    """Arguments of `Environment`."""
    return {
        "network": _network(config),
        "load_balancer": _load_balancer(config),
        "cluster": _cluster(config),
        "guardduty": _guardduty(config),
        "protect": config["protect"].value,
        **config.arguments(
            Environment.check,
            keyspace=config["keyspace"],
            log_retention_days=config["logRetentionDays"],
            kms_key_arn=config.arn("environmentKmsKeyArn"),
        ),
    }


def read_table(config: StackConfig) -> Mapping[str, Any]:
    """Arguments of `Table`, besides its schema."""
    if config["protect"] and config["allowTableReplacement"]:
        config.reject("allowTableReplacement", "contradicts protect: protected tables are not replaced")
    # Any schema will do, since only the options are checked.
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


def _network(config: StackConfig) -> NewVpc | ExistingVpc | None:
    new = {
        "egress": config.choice("egress", Egress),
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
        config.exclude(new.values(), "vpcId names an existing VPC")
        return config.make(ExistingVpc, vpc_id=vpc_id, **existing)
    config.exclude(existing.values(), "vpcId is not set")
    # With another egress, sessions, secrets and traces need no endpoints.
    endpoints = new["egress"].value == "endpoints"
    return config.make(
        NewVpc,
        **new,
        session_endpoint=endpoints and bool(config["exec"]),
        parameter_endpoint=endpoints,
        trace_endpoint=endpoints and bool(config["queryApiTracePercent"]),
    )


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
        config.exclude([*https.values(), *new.values(), days], "listenerArn names an existing load balancer")
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
        config.exclude([insights], "clusterArn names an existing cluster")
        return config.make(ExistingCluster, arn=arn)
    return config.make(NewCluster, container_insights=insights)


def _guardduty(config: StackConfig) -> GuardDutyAgent | None:
    repository = config["guardDutyRepository"]
    return config.make(GuardDutyAgent, repository=repository) if repository else None


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
    config.reject(setting.key, f"is {setting.value!r}; use a number from 1 up, such as 5, or a range, such as 1-10")
    return replace(setting, value=(1, 1), wrong=True)


def _time_to_live(config: StackConfig) -> Setting:
    setting = config["timeToLive"]
    if setting.value == "never":
        return replace(setting, value=None)
    if re.fullmatch(r"0|[1-9]\d{0,8}", setting.value) and int(setting.value) <= TIME_TO_LIVE_MAX:
        return replace(setting, value=int(setting.value))
    config.reject(setting.key, f"is {setting.value!r}; use never, or 0 to {TIME_TO_LIVE_MAX} seconds")
    return replace(setting, value=None, wrong=True)
