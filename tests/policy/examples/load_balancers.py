"""Examples for rules/load_balancers.py; the rule about listeners' rules is in test_stack_rules.py."""

from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_TLS = "load-balancer-takes-modern-tls"
_REDIRECTS = "production-http-redirects"
_KEPT = "production-keeps-load-balancers"

TO_HTTPS = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
FORWARD = {"type": "forward", "targetGroupArn": UNKNOWN}


def _listener(stack: str = "prod", **inputs: Any) -> Given:
    return Given(
        type="aws:lb/listener:Listener", inputs={"loadBalancerArn": UNKNOWN, **inputs}, name="front", stack=stack
    )


def _https(policy: str | None) -> Given:
    return _listener(port=443, protocol="HTTPS", defaultActions=[FORWARD], sslPolicy=policy)


def _http(*actions: Any, stack: str = "prod") -> Given:
    return _listener(port=80, protocol="HTTP", defaultActions=list(actions), stack=stack)


def _balancer(stack: str = "prod", **inputs: Any) -> Given:
    return Given(type="aws:lb/loadBalancer:LoadBalancer", inputs=inputs, name="front", stack=stack)


EXAMPLES = [
    *(
        Example(rule=_TLS, case=policy, given=_https(policy))
        for policy in (
            "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
            "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
        )
    ),
    *(
        Example(rule=_TLS, case=policy, given=_https(policy), says=("front", policy, "TLS13-1-2"))
        for policy in (
            "ELBSecurityPolicy-2016-08",
            "ELBSecurityPolicy-TLS-1-2-2017-01",
            "ELBSecurityPolicy-TLS13-1-0-2021-06",
            "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
        )
    ),
    Example(rule=_TLS, case="HTTP", given=_http(FORWARD)),
    Example(
        rule=_TLS,
        case="no policy on HTTPS",
        given=_https(None),
        says=("front", "no sslPolicy", "ELBSecurityPolicy-2016-08", "TLS13-1-2"),
    ),
    Example(
        rule=_TLS,
        case="no policy on TLS, of the other name of the type",
        given=Given(type="aws:alb/listener:Listener", inputs={"protocol": "TLS", "port": 443, "defaultActions": []}),
        says=("no sslPolicy",),
    ),
    Example(
        rule=_TLS,
        case="an old policy, for a protocol not yet known",
        given=_listener(protocol=UNKNOWN, sslPolicy="ELBSecurityPolicy-2016-08", defaultActions=[FORWARD]),
        says=("ELBSecurityPolicy-2016-08",),
    ),
    Example(rule=_REDIRECTS, case="a redirect to HTTPS", given=_http(TO_HTTPS)),
    Example(rule=_REDIRECTS, case="an action of a kind not yet known", given=_http({"type": UNKNOWN})),
    Example(rule=_REDIRECTS, case="HTTPS that forwards", given=_https("ELBSecurityPolicy-TLS13-1-2-2021-06")),
    Example(rule=_REDIRECTS, case="not in production", given=_http(FORWARD, stack="dev")),
    Example(
        rule=_REDIRECTS,
        case="HTTP that forwards",
        given=_http(FORWARD),
        says=("front", "HTTP with forward", "redirect to HTTPS"),
    ),
    Example(
        rule=_REDIRECTS,
        case="HTTP that answers by itself, without saying that it is HTTP",
        given=_listener(port=80, defaultActions=[{"type": "fixed-response"}]),
        says=("HTTP with fixed-response",),
    ),
    Example(
        rule=_REDIRECTS,
        case="a redirect to HTTP",
        given=_http({"type": "redirect", "redirect": {"statusCode": "HTTP_301", "host": "example.com"}}),
        says=("redirects HTTP to HTTP", "HTTPS"),
    ),
    Example(
        rule=_REDIRECTS,
        case="forwarding beside an action not yet known",
        given=_http(UNKNOWN, FORWARD),
        says=("HTTP with forward",),
    ),
    Example(
        rule=_REDIRECTS,
        case="a production stack by its setting",
        given=_http(FORWARD, stack="live"),
        settings={"productionStacks": ["live"]},
        says=("HTTP with forward",),
    ),
    Example(rule=_KEPT, case="protected", given=_balancer(enableDeletionProtection=True)),
    Example(rule=_KEPT, case="not in production", given=_balancer(stack="dev")),
    Example(
        rule=_KEPT,
        case="unprotected, with subnets not yet known",
        given=_balancer(enableDeletionProtection=False, subnets=UNKNOWN),
        says=("front", "set enableDeletionProtection"),
    ),
    Example(
        rule=_KEPT,
        case="unprotected by default",
        given=_balancer(stack="production"),
        says=("front", "set enableDeletionProtection"),
    ),
]
