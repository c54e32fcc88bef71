"""HTTPS at a load balancer: the certificate, the listener on port 443 and the domain's DNS record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import raise_for
from components.arns import ArnForm
from components.network.security_group_rules import HTTPS_PORT

REDIRECT_TO_HTTPS: aws.lb.ListenerDefaultActionArgsDict = {
    "type": "redirect",
    "redirect": {
        "status_code": "HTTP_301",
        "protocol": "HTTPS",
        "port": str(HTTPS_PORT),
        "host": "#{host}",
        "path": "/#{path}",
        "query": "#{query}",
    },
}

_RECOMMENDED_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
# The name says which TLS versions a policy accepts: from 1.3 down to the version after `TLS13-`.
_POLICY = re.compile(r"ELBSecurityPolicy-TLS13-1-[23]-[A-Za-z0-9-]+")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_COMMON_NAME_MAX = 64  # ACM API reference, RequestCertificate
_HOSTED_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")
_CERTIFICATE = ArnForm(
    pattern=re.compile(
        r"arn:aws[a-z-]*:(acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+|iam::\d{12}:server-certificate/[\w+=,.@/-]+)"
    ),
    example="arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-0000-0000-000000000000",
)


@dataclass(frozen=True, kw_only=True)
class Https:
    """Answers on port 443 with a certificate, and redirects port 80 there (301, same host, path and query).

    Give `certificate_arn`, or `domain` and `hosted_zone_id` to have ACM issue and renew a certificate.

    domain: the name under which clients reach the load balancer, such as `api.example.com`; lower case, no wildcard, at
    most 64 characters if ACM issues its certificate. Without a domain the URL has the load balancer's own name, which
    the certificate does not cover.
    hosted_zone_id: the public Route 53 zone that `domain` lies in; the preview looks it up. The domain's A
    record for the load balancer, which must not exist yet, is created there, and so is the record by which ACM
    validates the domain. Without a zone, point the domain to the load balancer yourself.
    certificate_arn: a certificate of yours, in ACM in the stack's region (or an IAM server certificate).
    tls_policy: the load balancer's security policy; one that accepts TLS 1.3 and nothing below 1.2. The default, with
    post-quantum key exchange for clients that support it, is the one that AWS recommends (Elastic Load Balancing user
    guide, "Security policies for your Application Load Balancer").

    ACM asks for the same validation record for all certificates of one domain and account, in every region (ACM FAQ).
    So an existing record is taken over. The record is deleted with the stack; then other certificates for the same
    domain are not renewed until the record exists again.
    A changed domain gets a new certificate; the listener switches to it, then the old certificate is deleted.
    """

    domain: str | None = None
    hosted_zone_id: pulumi.Input[str] | None = None
    certificate_arn: pulumi.Input[str] | None = None
    tls_policy: str = _RECOMMENDED_POLICY

    def __post_init__(self) -> None:
        raise_for(
            "Https",
            {
                "domain": _domain_mistake(self),
                "hosted_zone_id": _hosted_zone_mistake(self),
                "certificate_arn": (
                    "is missing: give it, or `domain` and `hosted_zone_id` for a certificate of ACM"
                    if self.certificate_arn is None and self.domain is None and self.hosted_zone_id is None
                    else _CERTIFICATE.mistake(self.certificate_arn)
                ),
                "tls_policy": (
                    None
                    if _POLICY.fullmatch(self.tls_policy)
                    else f"is {self.tls_policy!r}; use {_RECOMMENDED_POLICY} or another ELBSecurityPolicy-TLS13-1-2-..."
                    " or -TLS13-1-3-..., which accept nothing below TLS 1.2"
                ),
            },
        )


def _domain_mistake(https: Https) -> str | None:
    if https.domain is None:
        return None if https.hosted_zone_id is None else "is missing: `hosted_zone_id` says only where its record goes"
    if not _DOMAIN.fullmatch(https.domain):
        return (
            f"is {https.domain!r}; give a name such as api.example.com, in lower case, without https:// or a wildcard"
        )
    if https.certificate_arn is None and len(https.domain) > _COMMON_NAME_MAX:
        return (
            f"has {len(https.domain)} characters; ACM issues a certificate for {_COMMON_NAME_MAX} at most: give a"
            " shorter one, or a `certificate_arn`"
        )
    return None


def _hosted_zone_mistake(https: Https) -> str | None:
    zone = https.hosted_zone_id
    if zone is None:
        if https.domain is not None and https.certificate_arn is None:
            return "is missing: give the Route 53 zone of `domain` for a certificate of ACM, or a `certificate_arn`"
        return None
    if isinstance(zone, str) and not _HOSTED_ZONE.fullmatch(zone):
        return f"is {zone!r}; give a zone's ID such as Z0123456789ABCDEFGHIJ"
    return None


@dataclass(frozen=True, kw_only=True)
class IssuedCertificate:
    """A certificate that ACM issues. validation: done once ACM has seen `record` and issued `certificate`."""

    certificate: aws.acm.Certificate
    record: aws.route53.Record
    validation: aws.acm.CertificateValidation


@dataclass(frozen=True, kw_only=True)
class HttpsFront:
    """listener: on port 443. issued: None for an existing certificate. alias: the domain's record, if any.

    url: resources that use it wait for listener and alias.
    """

    url: pulumi.Output[str]
    listener: aws.lb.Listener
    issued: IssuedCertificate | None
    alias: aws.route53.Record | None


def create_https(
    name: str,
    https: Https,
    *,
    load_balancer: aws.lb.LoadBalancer,
    default_action: aws.lb.ListenerDefaultActionArgsDict,
    account: Account,
    depends_on: Sequence[pulumi.Resource],
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> HttpsFront:
    """depends_on: resources that must exist before the listener accepts connections. protect: Pulumi keeps the listener
    and the record of the domain.

    Raises InvalidArguments, as soon as the zone is known, if the domain's records cannot work there.
    """
    issued, alias = None, None
    zone_id = _find_zone(https, parent=parent)
    if https.certificate_arn is not None:
        certificate_arn = _CERTIFICATE.in_region("Https", "certificate_arn", https.certificate_arn, account)
    else:
        issued = _issue_certificate(name, https, zone_id, tags=tags, parent=parent)
        certificate_arn = issued.validation.certificate_arn
    listener = aws.lb.Listener(
        f"{name}-https",
        load_balancer_arn=load_balancer.arn,
        port=HTTPS_PORT,
        protocol="HTTPS",
        ssl_policy=https.tls_policy,
        certificate_arn=certificate_arn,
        default_actions=[default_action],
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, protect=protect or None, depends_on=depends_on),
    )
    if https.domain is not None and zone_id is not None:
        alias = aws.route53.Record(
            f"{name}-alias",
            zone_id=zone_id,
            name=https.domain,
            type="A",
            aliases=[
                {
                    "name": load_balancer.dns_name,
                    "zone_id": load_balancer.zone_id,
                    "evaluate_target_health": False,  # DNS has no other record to answer with
                }
            ],
            opts=pulumi.ResourceOptions(parent=parent, protect=protect or None),
        )
    needed = [listener.urn, *([alias.urn] if alias is not None else [])]
    return HttpsFront(
        url=pulumi.Output.all(https.domain or load_balancer.dns_name, *needed).apply(
            lambda known: f"https://{known[0]}"
        ),
        listener=listener,
        issued=issued,
        alias=alias,
    )


def _find_zone(https: Https, *, parent: pulumi.Resource) -> pulumi.Output[str] | None:
    """The ID of the zone, once the zone is known to be public and to contain the domain.

    In another zone, the provider would append the zone's name to the domain (terraform-provider-aws,
    internal/service/route53/record.go), and ACM would wait for a record that nobody can see.
    """
    zone_id = https.hosted_zone_id
    if zone_id is None:
        return None

    def check(zone: aws.route53.GetZoneResult) -> str:
        mistake = None
        if zone.private_zone:
            mistake = (
                f"is {zone.zone_id}, the private zone {zone.name}, whose records the internet does not see; give the"
                " public zone of `domain`"
            )
        elif not f".{https.domain}".endswith(f".{zone.name}".rstrip(".")):
            mistake = f"is {zone.zone_id}, the zone {zone.name}, which {https.domain} is not in; give the zone it is in"
        raise_for("Https", {"hosted_zone_id": mistake})
        return zone.zone_id

    if isinstance(zone_id, str):  # an error in an output would be shown with a traceback
        return pulumi.Output.from_input(
            check(aws.route53.get_zone(zone_id=zone_id, opts=pulumi.InvokeOptions(parent=parent)))
        )
    return aws.route53.get_zone_output(zone_id=zone_id, opts=pulumi.InvokeOutputOptions(parent=parent)).apply(check)


def _issue_certificate(
    name: str,
    https: Https,
    zone_id: pulumi.Output[str] | None,
    *,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> IssuedCertificate:
    assert https.domain is not None and zone_id is not None
    opts = pulumi.ResourceOptions(parent=parent)
    certificate = aws.acm.Certificate(
        name, domain_name=https.domain, validation_method="DNS", tags=dict(tags), opts=opts
    )
    # A certificate for one name has one validation option, which is known once ACM has created the certificate.
    option = certificate.domain_validation_options[0]
    record = aws.route53.Record(
        f"{name}-validation",
        zone_id=zone_id,
        name=option.apply(lambda known: str(known.resource_record_name)),
        type=option.apply(lambda known: str(known.resource_record_type)),
        records=[option.apply(lambda known: str(known.resource_record_value))],
        ttl=300,
        allow_overwrite=True,  # see `Https`
        opts=opts,
    )
    validation = aws.acm.CertificateValidation(
        name,
        certificate_arn=certificate.arn,
        validation_record_fqdns=[record.fqdn],
        opts=pulumi.ResourceOptions(
            parent=parent,
            # Validation mostly takes minutes. The provider's own limit, 75 minutes, is too long if the zone is not
            # delegated.
            custom_timeouts=pulumi.CustomTimeouts(create="30m"),
        ),
    )
    return IssuedCertificate(certificate=certificate, record=record, validation=validation)
