"""Load balancers: encryption in transit, and protection from deletion."""

import re
from collections.abc import Iterator
from typing import Any

from rules.rule import PRODUCTION, Declared, Resource, Stack, production_rule, rule, stack_rule
from rules.values import inside, is_known, is_or_may_be, objects

# lb and alb are two names of the same resources.
_LOAD_BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
_LISTENER_RULES = ("aws:lb/listenerRule:ListenerRule", "aws:alb/listenerRule:ListenerRule")

# TLS 1.2 and above with forward secrecy: without the ...-Ext policies, which accept older ciphers, and those named
# after 1.0 or 1.1 (Elastic Load Balancing, "Security policies for your Application Load Balancer"). AWS adds newer
# ones under the same scheme, such as ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09.
_MODERN_TLS = re.compile(r"ELBSecurityPolicy-TLS13-1-[23](-Res)?(-FIPS)?(-PQ)?-\d{4}-\d{2}")
_RECOMMENDED_TLS = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
_PROVIDER_DEFAULT_TLS = "ELBSecurityPolicy-2016-08"


def _old_tls(resource: Resource) -> Iterator[str]:
    protocol, policy = resource.inputs.get("protocol"), resource.inputs.get("sslPolicy")
    if policy is None:
        if protocol in ("HTTPS", "TLS"):
            yield f"has no sslPolicy, so it takes {_PROVIDER_DEFAULT_TLS}, with TLS 1.0: set {_RECOMMENDED_TLS}"
    elif is_known(policy) and not _MODERN_TLS.fullmatch(str(policy)):
        yield f"has sslPolicy {policy}: set one with TLS 1.2 and above, such as {_RECOMMENDED_TLS}"


def _unencrypted_by_default(resource: Resource) -> Iterator[str]:
    if _speaks_http(resource.inputs):
        yield from _unencrypted(resource.inputs.get("defaultActions"))


def _unencrypted_by_rule(stack: Stack) -> Iterator[tuple[Declared, str]]:
    if not stack.in_production:
        return
    http = [listener for listener in stack.of_type(_LISTENERS) if _speaks_http(listener.outputs)]
    for rule_ in stack.of_type(_LISTENER_RULES):
        if any(rule_.refers_to(listener, by="listenerArn", output="arn") for listener in http):
            yield from ((rule_, violation) for violation in _unencrypted(rule_.outputs.get("actions")))


def _speaks_http(listener: Any) -> bool:
    """HTTP is the default of an application load balancer's listener; a network load balancer's must name a
    protocol."""
    return listener.get("protocol") in ("HTTP", None)


def _unencrypted(actions: Any) -> Iterator[str]:
    for action in objects(actions):
        kind = action.get("type")
        if is_known(kind) and kind != "redirect":
            yield f"answers HTTP with {kind}: redirect to HTTPS, and use {kind} on an HTTPS listener"
        elif kind == "redirect" and not is_or_may_be(inside(action, "redirect", "protocol"), "HTTPS"):
            yield "redirects HTTP to HTTP: set the redirect's protocol to HTTPS, and its port to 443"


def _deletable(resource: Resource) -> Iterator[str]:
    if not is_or_may_be(resource.inputs.get("enableDeletionProtection"), True):
        yield "can be deleted, and its address with it: set enableDeletionProtection"


POLICIES = [
    rule(
        "load-balancer-takes-modern-tls",
        "TLS 1.0 and 1.1, and ciphers without forward secrecy, allow somebody to decrypt recorded traffic later.",
        _old_tls,
        types=_LISTENERS,
    ),
    production_rule(
        "production-http-redirects",
        "In production nothing is served unencrypted: anyone on the path could read and change it.",
        _unencrypted_by_default,
        types=_LISTENERS,
    ),
    stack_rule(
        "production-http-rules-redirect",
        "In production nothing is served unencrypted by a listener's rules either.",
        _unencrypted_by_rule,
        settings=PRODUCTION,
    ),
    production_rule(
        "production-keeps-load-balancers",
        "Deleting a load balancer by mistake also deletes the address that clients and DNS use.",
        _deletable,
        types=_LOAD_BALANCERS,
    ),
]
