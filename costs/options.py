"""The cost of the components' options, for docs/components.md, calculated for a stack with two zones."""

from costs.prices import (
    ALARM_METRIC,
    ARM_CPU,
    ARM_MEMORY,
    DASHBOARD,
    GLUE,
    HOURS,
    INTERFACE_ENDPOINT,
    KEY,
    LOAD_BALANCER,
    LOG_LINES,
    LOG_STORAGE,
    NAT_GATEWAY,
    OBJECT_STORAGE,
    PUBLIC_IPV4,
    READ_CAPACITY,
    READS,
    TABLE_BACKUP,
    TABLE_STORAGE,
    WRITE_CAPACITY,
    WRITES,
    Price,
)
from costs.render import table

_ZONES = 2
_ENDPOINTS_OF_EGRESS = 3  # ecr.api, ecr.dkr, logs


def options_table() -> str:
    """A Markdown table: option, dollars, and the unit of the price."""
    gateway = _a_month(NAT_GATEWAY) + _a_month(PUBLIC_IPV4)
    endpoint = _ZONES * _a_month(INTERFACE_ENDPOINT)
    rows = [
        ('`NewVpc(egress="nat")`', gateway, "a month"),
        ('`NewVpc(egress="nat-per-zone")`', _ZONES * gateway, "a month"),
        ('`NewVpc(egress="endpoints")`', _ENDPOINTS_OF_EGRESS * endpoint, "a month"),
        ("`NewVpc(session_endpoint=True)`", endpoint, "a month"),
        ("`NewVpc(parameter_endpoint=True)`", endpoint, "a month"),
        ("`NewVpc(secret_endpoint=True)`", endpoint, "a month"),
        ("`NewVpc(trace_endpoint=True)`", endpoint, "a month"),
        ('`NewVpc(egress="public")`, `ExistingVpc(assign_public_ip=True)`', _a_month(PUBLIC_IPV4), "a task and month"),
        ("the Keyspaces endpoint of an `Environment`", endpoint, "a month"),
        ("`PublicLoadBalancer`", _a_month(LOAD_BALANCER) + _ZONES * _a_month(PUBLIC_IPV4), "a month"),
        ("`AccessLogs`", _a_month(OBJECT_STORAGE), "a GB and month"),
        ("`log_retention_days`: log lines, ingestion", LOG_LINES.usd, "a GB"),
        ("`log_retention_days`: log lines, storage", _a_month(LOG_STORAGE), "a GB and month"),
        ("`cpu`, on ARM64", _a_month(ARM_CPU), "a vCPU and month"),
        ("`memory`, on ARM64", _a_month(ARM_MEMORY), "a GiB and month"),
        ("`tasks`, each at the default size", _a_month(ARM_CPU) / 4 + _a_month(ARM_MEMORY) / 2, "a month"),
        ("`dashboard`, after an account's first three", _a_month(DASHBOARD), "a month"),
        ("`Alarms`: each metric that an alarm reads (UNVERIFIED)", _a_month(ALARM_METRIC), "a month"),
        ("rows of a `Table`", _a_month(TABLE_STORAGE), "a GB and month"),
        ("`Table(point_in_time_recovery=True)`", _a_month(TABLE_BACKUP), "a GB and month"),
        ("`Table(kms_key_arn=...)`, `Environment(kms_key_arn=...)`", _a_month(KEY), "a key and month"),
        ("`OnDemand`: reads of up to 4 KB at LOCAL_QUORUM", READS.usd, "a million"),
        ("`OnDemand`: writes of up to 1 KB", WRITES.usd, "a million"),
        ("`KeyspacesBulkLoad(workers=...)`, of the type G.1X", GLUE.usd, "a worker and hour of a run"),
        ("`Provisioned(read=...)`", _a_month(READ_CAPACITY), "a unit and month"),
        ("`Provisioned(write=...)`", _a_month(WRITE_CAPACITY), "a unit and month"),
    ]
    return table(("option", "$", ""), [(what, f"{usd:.3g}", by) for what, usd, by in rows], right=[1])


def _a_month(price: Price) -> float:
    return price.usd * (HOURS if price.by == "hour" else 1)
