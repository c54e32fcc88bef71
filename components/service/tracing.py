"""Traces of a service, sent to AWS X-Ray by the tasks themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.account import Account
from components.arguments import outside, raise_for
from components.network.network import Network


@dataclass(frozen=True, kw_only=True)
class Tracing:
    """Sends spans of requests and CQL statements to X-Ray's OTLP endpoint, signed with the task's role; no collector.

    percent: of the traces that begin at this service, 0 to 100. A request with a `traceparent` header follows the
    decision of its caller.

    The account must have Transaction Search enabled in each Region, or X-Ray refuses spans in OTLP (X-Ray developer
    guide, "OTLP endpoint"). The tasks get endpoint and ratio in OpenTelemetry's own variables, which its libraries in
    other languages read, too; these must sign their requests to X-Ray themselves. Raises InvalidArguments.
    """

    percent: int = 5

    def __post_init__(self) -> None:
        raise_for("Tracing", {"percent": outside(self.percent, 0, 100)})

    def variables(self, name: str, account: Account) -> Mapping[str, pulumi.Input[str]]:
        """The variables of the container's environment. name: of the service in each span."""
        endpoint = pulumi.Output.format("https://xray.{0}.{1}/v1/traces", account.region, account.dns_suffix)
        return {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint,
            "OTEL_SERVICE_NAME": name,
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": f"{self.percent / 100:g}",
        }


def tracing_mistake(network: Network) -> str | None:
    """The mistake, if tasks in this network cannot send traces."""
    if network.traces:
        return None
    return "has tracing, which needs NewVpc(trace_endpoint=True) where the egress is endpoints"
