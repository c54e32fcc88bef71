"""The settings of one service.

Settings that begin with the service's prefix, such as `queryApiTasks`, are its own; a second service has the same set
with its own prefix. All other settings are for all services of a stack.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pulumi

from components import Alarms, ExistingImage, Scaling, ScheduledScaling, Service, Spot, Tracing
from components.arguments import outside
from components.tasks.architecture import Architecture
from components.tasks.task_definition import check_size
from settings.stack_config import Setting, StackConfig


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Arguments: microservice of `KeyspacesMicroservice`, service of its `Service`."""

    microservice: Mapping[str, Any]
    service: Mapping[str, Any]


def read_service(config: StackConfig, name: str, *, prefix: str) -> ServiceSettings:
    """name: of the microservice, for errors. prefix: of its settings in Pulumi.yaml."""
    topic_arn, rollback = config.arn("alarmTopicArn"), config["rollbackOnAlarms"]
    if not topic_arn:
        config.exclude([rollback], "there are no alarms without alarmTopicArn")
    return ServiceSettings(
        microservice={
            **config.arguments(partial(check_size, name), cpu=config[f"{prefix}Cpu"], memory=config[f"{prefix}Memory"]),
            "architecture": config.choice("architecture", Architecture).value,
            "alarms": config.make(Alarms, topic_arn=topic_arn, rollback=rollback) if topic_arn else None,
            "dashboard": config["dashboard"].value,
            "variables": _variables(config, prefix),
            "image": read_image(config, prefix),
        },
        service=config.arguments(
            Service,
            hosts=config[f"{prefix}Hosts"],
            priority=config[f"{prefix}Priority"].or_none(),
            tasks=config[f"{prefix}Tasks"],
            scaling=_scaling(config, prefix),
            spot=_spot(config),
            tracing=_tracing(config, prefix),
            exec=config["exec"],
        ),
    )


def read_image(config: StackConfig, prefix: str) -> ExistingImage | None:
    uri = config[f"{prefix}Image"]
    return config.make(ExistingImage, uri=uri) if uri else None


def _variables(config: StackConfig, prefix: str) -> Mapping[str, str]:
    """Variables of the container's environment, which docs/service.md describes. Defaults are left out."""
    max_age, read_cache = config[f"{prefix}CacheMaxAge"], config[f"{prefix}ReadCache"]
    for setting, high in ((max_age, 31_536_000), (read_cache, 3600)):
        if mistake := outside(setting.value, 0, high, "seconds"):
            config.reject(setting.key, mistake)
    variables = {
        "CACHE_MAX_AGE": str(max_age.value) if max_age else None,
        "SHARE_READS": None if config[f"{prefix}ShareReads"] else "false",
        "READ_CACHE_SECONDS": str(read_cache.value) if read_cache else None,
        "METRICS_NAMESPACE": pulumi.get_project() if config[f"{prefix}Metrics"] else None,
    }
    return {name: value for name, value in variables.items() if value is not None}


def _tracing(config: StackConfig, prefix: str) -> Tracing | None:
    percent = config[f"{prefix}TracePercent"]
    return config.make(Tracing, percent=percent) if percent else None


def _scaling(config: StackConfig, prefix: str) -> Scaling | None:
    tasks, max_tasks = config[f"{prefix}Tasks"], config[f"{prefix}MaxTasks"]
    by = {
        "cpu": config["scaleAtCpu"].or_none(),
        "memory": config["scaleAtMemory"].or_none(),
        "requests": config["scaleAtRequests"].or_none(),
    }
    schedule, timezone = config[f"{prefix}ScalingSchedule"], config["scalingTimezone"]
    if not schedule:
        config.exclude([timezone], f"{schedule.key} is empty")
    if not max_tasks:
        config.exclude([*by.values(), schedule], f"{max_tasks.key} is 0, so tasks are not scaled")
        return None
    if not any(by.values()) and not schedule:
        config.reject("scaleAtCpu", "is 0, as scaleAtMemory and scaleAtRequests are; set one of them above 0")
        return None
    if max_tasks.value < tasks.value:
        config.reject(
            max_tasks.key, f"is {max_tasks.value}; use {tasks.key}, {tasks.value}, or more, or 0 for no scaling"
        )
        return None
    return config.make(Scaling, max_tasks=max_tasks, **by, schedule=_schedule(config, schedule, timezone))


def _schedule(config: StackConfig, setting: Setting, timezone: Setting) -> list[ScheduledScaling]:
    """`cron(0 7 ? * MON-FRI *) 4-12` as 4 to 12 tasks from seven o'clock on."""
    found = []
    for text in setting.value:
        parsed = re.fullmatch(r"(.+\)) (\d+)-(\d+)", text)
        if parsed is None:
            config.reject(
                setting.key, f"has {text!r}; use a time and the tasks from then on, such as cron(0 7 * * ? *) 4-12"
            )
            continue
        made = config.make(
            ScheduledScaling,
            expression=replace(setting, value=parsed[1]),
            min_tasks=replace(setting, value=int(parsed[2])),
            max_tasks=replace(setting, value=int(parsed[3])),
            timezone=timezone,
        )
        found += [made] if made else []
    return found


def _spot(config: StackConfig) -> Spot | None:
    weights = {"on_demand_weight": config["onDemandWeight"], "on_demand_base": config["onDemandBase"]}
    if spot_weight := config["spotWeight"]:
        return config.make(Spot, spot_weight=spot_weight, **weights)
    config.exclude(weights.values(), "spotWeight is 0, so no task is on Spot")
    return None
