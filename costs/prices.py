"""All AWS prices, of us-east-1 in US dollars.

`local_keyspaces` imports no other package, so it has a copy of the prices of reads and writes. A test holds the copies
equal.

Keyspaces' prices are from the price list that AWS publishes with its sample calculator. The others are quotations of
AWS's pricing pages by third parties, at the given date; none was read on AWS's own pages on that day. `doubt` says why
a price is even less certain.

To renew the prices: look up each price in the AWS Pricing Calculator, change `usd`, `source` and `date`, then run
`python -m costs --update-docs`.
"""

from dataclasses import dataclass
from typing import Literal

REGION = "us-east-1"
HOURS = 730
"""Hours of a month, as in AWS's own calculator."""
DAYS = HOURS / 24


@dataclass(frozen=True)
class Price:
    """usd: for one `unit`. by: for each hour or month of existence, or for each use. date: year and month."""

    name: str
    usd: float
    unit: str
    by: Literal["hour", "month", "use"]
    source: str
    date: str
    doubt: str = ""

    def __str__(self) -> str:
        return f"${self.usd:.9f}".rstrip("0").rstrip(".") + f" / {self.unit}{'' if self.by == 'use' else f'-{self.by}'}"


_UNDATED = "the source has no date; the given date is that of reading"


def every_price() -> list[Price]:
    return [value for value in globals().values() if isinstance(value, Price)]


@dataclass(frozen=True)
class Gap:
    """A billed feature of unknown price. billed: the feature's unit. declared: whether a stack can declare it."""

    name: str
    billed: str
    declared: str


GAPS = (
    Gap(
        "Keyspaces change data capture (CDC) streams",
        "storage of a stream's changes, and reads of the stream",
        "no, as the aws provider cannot switch a stream on",
    ),
    Gap(
        "Keyspaces pre-warming (warm throughput)",
        "raising a table's warm throughput above its default",
        "no, as the aws provider cannot set it",
    ),
)

NAT_GATEWAY = Price("NAT gateway", 0.045, "gateway", "hour", "cloudburn.io; leanopstech.com", "2026-04")
NAT_TRAFFIC = Price(
    "NAT gateway, traffic in both directions", 0.045, "GB", "use", "cloudburn.io; leanopstech.com", "2026-04"
)
PUBLIC_IPV4 = Price("public IPv4 address", 0.005, "address", "hour", "pocketlantern.dev, which quotes AWS", "2026-03")
INTERFACE_ENDPOINT = Price(
    "interface endpoint in one zone", 0.01, "zone", "hour", "awsnegotiations.com; egresscost.com", "2026-05"
)
ENDPOINT_TRAFFIC = Price(
    "interface endpoint, traffic in both directions",
    0.01,
    "GB",
    "use",
    "awsnegotiations.com; leanopstech.com",
    "2026-05",
)
LOAD_BALANCER = Price(
    "application load balancer", 0.0225, "balancer", "hour", "awsnegotiations.com; cloud-horizons.com", "2026-05"
)
LOAD_BALANCER_CAPACITY = Price(
    "load balancer capacity unit (LCU)", 0.008, "LCU-hour", "use", "awsnegotiations.com; cloud-horizons.com", "2026-05"
)
DATA_OUT = Price("data out to the internet, first 10 TB", 0.09, "GB", "use", "usage.ai; leanopstech.com", "2026-06")
WEB_ACL_REQUESTS = Price(
    "requests that AWS WAF inspects",
    0.60,
    "million",
    "use",
    "awsnegotiations.com; c3x.dev",
    "2026-11",
    f"{_UNDATED}; a web ACL above 1,500 capacity units, or with paid rules, costs more",
)
HOSTED_ZONE = Price("Route 53 hosted zone", 0.50, "zone", "month", "ns1.com", "2026-11", _UNDATED)

X86_CPU = Price("Fargate, Linux x86", 0.04048, "vCPU", "hour", "factualminds.com; wring.co", "2026-06")
X86_MEMORY = Price("Fargate memory, Linux x86", 0.004445, "GB", "hour", "factualminds.com; wring.co", "2026-06")
ARM_CPU = Price("Fargate, Linux ARM", 0.03238, "vCPU", "hour", "fortem.dev; vantage.sh; wring.co", "2026-03")
ARM_MEMORY = Price("Fargate memory, Linux ARM", 0.00356, "GB", "hour", "fortem.dev; vantage.sh; wring.co", "2026-03")
EPHEMERAL_STORAGE = Price(
    "Fargate storage above 20 GB a task", 0.000111, "GB", "hour", "vantage.sh; wring.co", "2026-03"
)
SPOT_DISCOUNT = 0.5
"""The discount of Fargate Spot. It varies: 50 to 70 % were seen, and AWS guarantees none (fortem.dev, 2026)."""


def spot(price: Price) -> Price:
    """The price on Fargate Spot, with the smallest discount that was seen."""
    return Price(
        name=price.name.replace("Fargate", "Fargate Spot", 1),
        usd=price.usd * (1 - SPOT_DISCOUNT),
        unit=price.unit,
        by=price.by,
        source="fortem.dev",
        date="2026-06",
        doubt=f"varies; the smallest discount seen is {SPOT_DISCOUNT:.0%}, the largest 70 %",
    )


X86_SPOT_CPU = spot(X86_CPU)
X86_SPOT_MEMORY = spot(X86_MEMORY)
ARM_SPOT_CPU = spot(ARM_CPU)
ARM_SPOT_MEMORY = spot(ARM_MEMORY)
IMAGE_STORAGE = Price("ECR storage", 0.10, "GB", "month", "cloudburn.io; wring.co", "2026-03")

_PRICE_LIST = "AWS price list of 2025-11-05, in aws-samples/sample-pricing-calculator-for-keyspaces"
READS = Price("Keyspaces reads on demand (RRU: 4 KB, LOCAL_QUORUM)", 0.125, "million", "use", _PRICE_LIST, "2025-11")
WRITES = Price("Keyspaces writes on demand (WRU: 1 KB)", 0.625, "million", "use", _PRICE_LIST, "2025-11")
READ_CAPACITY = Price("Keyspaces provisioned read capacity (RCU)", 0.00013, "RCU", "hour", _PRICE_LIST, "2025-11")
WRITE_CAPACITY = Price("Keyspaces provisioned write capacity (WCU)", 0.00065, "WCU", "hour", _PRICE_LIST, "2025-11")
TABLE_STORAGE = Price("Keyspaces storage", 0.25, "GB", "month", _PRICE_LIST, "2025-11")
TABLE_BACKUP = Price("Keyspaces point-in-time recovery", 0.20, "GB", "month", _PRICE_LIST, "2025-11")

ALARM_METRIC = Price(
    "metric that an alarm watches, each minute", 0.10, "metric", "month", "c3x.dev", "2026-11", _UNDATED
)
FAST_ALARM_METRIC = Price(
    "metric that an alarm watches, more often", 0.30, "metric", "month", "c3x.dev", "2026-11", _UNDATED
)
COMPOSITE_ALARM = Price("composite alarm", 0.50, "alarm", "month", "c3x.dev", "2026-11", _UNDATED)
FREE_DASHBOARDS = 3
"""Free dashboards of an account, with up to 50 metrics each (AWS's CloudWatch pricing page)."""
DASHBOARD = Price("dashboard after an account's first three", 3.00, "dashboard", "month", "factualminds.com", "2026-06")
CUSTOM_METRIC = Price("custom metric, also of Container Insights", 0.30, "metric", "month", "signoz.io", "2026-02")
ENHANCED_METRIC = Price("metric of enhanced Container Insights", 0.07, "metric", "month", "fortem.dev", "2026-06")
LOG_LINES = Price("CloudWatch Logs, ingestion", 0.50, "GB", "use", "c3x.dev; factualminds.com", "2026-06")
LOG_STORAGE = Price("CloudWatch Logs, storage (compressed)", 0.03, "GB", "month", "c3x.dev; hykell.com", "2026-06")
OBJECT_STORAGE = Price("S3 Standard storage", 0.023, "GB", "month", "devnotes.tech", "2026-11", _UNDATED)
GLUE = Price("AWS Glue, Spark job", 0.44, "DPU", "hour", "awsnegotiations.com; cubeapm.com", "2026-05")
KEY = Price("customer managed KMS key", 1.00, "key", "month", "AWS's pricing page, archived; cloudburn.io", "2026-03")
