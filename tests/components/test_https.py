"""HTTPS: the certificate, the listeners, the domain's record and the resulting URL."""

from typing import Any

import pulumi_aws as aws
import pytest

from components import Environment, Https, PublicLoadBalancer, Service
from components.arguments import InvalidArguments
from declared.program import Call, Inputs, Program
from tests.components.front import CERTIFICATE_ARN, declare_front
from tests.evaluation import declare, dependencies, one

ZONE = "Z0123456789ABCDEFGHIJ"
MADE = Https(domain="api.example.com", hosted_zone_id=ZONE)
LISTENER = "aws:lb/listener:Listener"
_ZONE_LOOKUP = "aws:route53/getZone:getZone"
RECORD = "aws:route53/record:Record"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "certificate_arn is missing: give it, or domain and hosted_zone_id"),
        ({"domain": "api.example.com"}, "hosted_zone_id is missing: give the Route 53 zone"),
        ({"hosted_zone_id": ZONE}, "domain is missing"),
        ({"hosted_zone_id": ZONE, "certificate_arn": CERTIFICATE_ARN}, "domain is missing"),
        ({"domain": "https://api.example.com", "hosted_zone_id": ZONE}, "domain .*without https://"),
        ({"domain": "*.example.com", "hosted_zone_id": ZONE}, "domain .*or a wildcard"),
        ({"domain": "API.example.com", "hosted_zone_id": ZONE}, "domain .*in lower case"),
        ({"domain": "localhost", "hosted_zone_id": ZONE}, "domain .*such as api.example.com"),
        ({"domain": f"{'x' * 53}.example.com", "hosted_zone_id": ZONE}, "domain has 65 characters; .* 64 at most"),
        ({"domain": "api.example.com", "hosted_zone_id": "example.com"}, "hosted_zone_id .*such as Z0"),
        ({"certificate_arn": "api.example.com"}, "certificate_arn .*such as arn:aws:acm:"),
        ({"certificate_arn": CERTIFICATE_ARN.replace(":acm:", ":kms:")}, "certificate_arn .*such as arn:aws:acm:"),
    ],
)
def test_refuses_contradictions_and_invalid_arguments(arguments: dict[str, Any], message: str) -> None:
    """The update fails after the load balancer is created, or waits half an hour in vain for a certificate."""
    with pytest.raises(InvalidArguments, match=message):
        Https(**arguments)


def test_names_every_mistake_at_once() -> None:
    """The owner needs one run for each mistake."""
    with pytest.raises(InvalidArguments) as refused:
        Https(domain="*", hosted_zone_id="x", certificate_arn="y", tls_policy="z")
    assert refused.value.mistakes.keys() == {"domain", "hosted_zone_id", "certificate_arn", "tls_policy"}


@pytest.mark.parametrize(
    "policy",
    [
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
        "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07",
    ],
)
def test_accepts_policies_with_tls_1_2_and_newer(policy: str) -> None:
    """A stack that requires FIPS, or TLS 1.3 only, cannot use the component."""
    program = declare_front(PublicLoadBalancer(https=Https(certificate_arn=CERTIFICATE_ARN, tls_policy=policy)))
    assert one(program, LISTENER, "shop-https").inputs["sslPolicy"] == policy


@pytest.mark.parametrize(
    "policy",
    [
        "ELBSecurityPolicy-2016-08",
        "ELBSecurityPolicy-TLS13-1-1-2021-06",
        "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09",
        "ELBSecurityPolicy-TLS-1-1-2017-01",
        "ELBSecurityPolicy-FS-2018-06",
        "TLSv1.2",
    ],
)
def test_refuses_policies_that_accept_old_tls(policy: str) -> None:
    """An attacker can make clients fall back to a broken protocol version."""
    with pytest.raises(InvalidArguments, match=r"tls_policy .*nothing below TLS 1\.2"):
        Https(certificate_arn=CERTIFICATE_ARN, tls_policy=policy)


def test_makes_a_certificate_and_uses_it_once_it_is_valid() -> None:
    """The update fails: a listener refuses a certificate that ACM has not issued yet."""
    program = declare_front(PublicLoadBalancer(https=MADE))
    certificate = one(program, "aws:acm/certificate:Certificate", "shop")
    assert (certificate.inputs["domainName"], certificate.inputs["validationMethod"]) == ("api.example.com", "DNS")
    record = one(program, RECORD, "shop-validation").inputs
    assert record == {
        "zoneId": ZONE,
        "name": "_0a1b.api.example.com.",
        "type": "CNAME",
        "records": ["_2c3d.acm-validations.aws."],
        "ttl": 300,
        "allowOverwrite": True,
    }
    validation = one(program, "aws:acm/certificateValidation:CertificateValidation", "shop")
    assert validation.inputs == {
        "certificateArn": certificate.outputs["arn"],
        "validationRecordFqdns": ["_0a1b.api.example.com"],
    }
    listener = one(program, LISTENER, "shop-https")
    assert listener.inputs["certificateArn"] == certificate.outputs["arn"]
    assert listener.inputs["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert {"CertificateValidation shop", "Record shop-validation"} <= dependencies(program, listener)


def test_keeps_the_certificate_in_use_until_the_new_one_is_there() -> None:
    """A change of the domain fails: ACM refuses to delete a certificate that a listener still uses."""
    for resource in declare_front(PublicLoadBalancer(https=MADE)).resources:
        if resource.type.startswith(("aws:acm/", "aws:route53/", "aws:lb/")):
            assert not resource.delete_before_replace, resource.urn


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        ({"name": "example.org", "privateZone": False}, "the zone example.org, which api.example.com is not in"),
        ({"name": "ample.com", "privateZone": False}, "the zone ample.com, which api.example.com is not in"),
        ({"name": "v2.api.example.com", "privateZone": False}, "api.example.com is not in"),
        ({"name": "example.com", "privateZone": True}, "the private zone example.com, .* give the public zone"),
    ],
)
@pytest.mark.parametrize("certificate_arn", [None, CERTIFICATE_ARN])
def test_refuses_a_zone_in_which_the_domain_cannot_work(
    aws_answers: Any, certificate_arn: str | None, zone: Inputs, message: str
) -> None:
    """ACM waits half an hour for a record that nobody can resolve, or the URL never resolves."""
    aws_answers(lambda call: zone if call.token == _ZONE_LOOKUP else {})
    https = Https(domain="api.example.com", hosted_zone_id=ZONE, certificate_arn=certificate_arn)
    with pytest.raises(InvalidArguments, match=f"Https: hosted_zone_id is {ZONE}, .*{message}"):
        declare_front(PublicLoadBalancer(https=https))


@pytest.mark.parametrize("inside", [True, False])
def test_checks_a_zone_that_the_program_makes_once_it_is_known(aws_answers: Any, inside: bool) -> None:
    """A zone that the same program creates cannot be used, or is not checked."""
    aws_answers(lambda call: {"name": "example.com" if inside else "example.org"} if call.token == _ZONE_LOOKUP else {})

    def run() -> None:
        https = Https(domain="api.example.com", hosted_zone_id=aws.route53.Zone("own", name="example.com").zone_id)
        Environment("shop", keyspace="shop", load_balancer=PublicLoadBalancer(https=https))

    # The zone's ID is not known in the preview of a new stack.
    assert one(declare(run, computed=False), RECORD, "shop-alias")
    if inside:
        assert one(declare(run), RECORD, "shop-alias").inputs["zoneId"] == "own-zone"
    else:
        with pytest.raises(ValueError, match=r"the zone example\.org, which api\.example\.com is not in"):
            declare(run)


@pytest.mark.parametrize("name", ["example.com", "example.com.", "api.example.com"])
def test_uses_the_zones_of_the_domain(aws_answers: Any, name: str) -> None:
    """A zone above the domain, or the zone of the domain itself, is refused."""
    aws_answers(lambda call: {"name": name} if call.token == _ZONE_LOOKUP else {})
    assert one(declare_front(PublicLoadBalancer(https=MADE)), RECORD, "shop-alias").inputs["zoneId"] == ZONE


@pytest.mark.parametrize("https", [None, Https(certificate_arn=CERTIFICATE_ARN, domain="api.example.com")])
def test_looks_up_no_zone_without_one(aws_answers: Any, https: Https | None) -> None:
    """The deployer's role needs a Route 53 permission although the stack uses no zone."""
    asked: list[str] = []

    def answer(call: Call) -> Inputs:
        asked.append(call.token)
        return {}

    aws_answers(answer)
    declare_front(PublicLoadBalancer(https=https))
    assert asked and _ZONE_LOOKUP not in asked


def test_points_the_domain_to_the_load_balancer_and_overwrites_no_record() -> None:
    """The URL does not resolve, or another team's live record is overwritten."""
    program = declare_front(PublicLoadBalancer(https=MADE))
    alias = one(program, RECORD, "shop-alias").inputs
    assert (alias["zoneId"], alias["name"], alias["type"]) == (ZONE, "api.example.com", "A")
    assert alias["aliases"] == [
        {"name": "127.0.0.1:8080", "zoneId": "Z00000000000000000000", "evaluateTargetHealth": False}
    ]
    assert "allowOverwrite" not in alias


@pytest.mark.parametrize(
    ("https", "url", "records"),
    [
        (MADE, "https://api.example.com", {"shop-validation", "shop-alias"}),
        (Https(certificate_arn=CERTIFICATE_ARN), "https://127.0.0.1:8080", set()),
        (Https(certificate_arn=CERTIFICATE_ARN, domain="api.example.com"), "https://api.example.com", set()),
        (
            Https(certificate_arn=CERTIFICATE_ARN, domain="api.example.com", hosted_zone_id=ZONE),
            "https://api.example.com",
            {"shop-alias"},
        ),
    ],
)
def test_outputs_the_domains_url_and_makes_the_requested_records(https: Https, url: str, records: set[str]) -> None:
    """Clients get an address that the certificate does not cover, or a zone gets records that nobody asked for."""
    program = declare_front(PublicLoadBalancer(https=https))
    assert program.outputs["url"] == url
    assert {record.name for record in program.of_type(RECORD)} == records
    assert any(program.of_type("aws:acm/certificate:Certificate")) is (https.certificate_arn is None)


def test_accepts_an_iam_server_certificate() -> None:
    """A stack in a region without ACM cannot use HTTPS: its certificate is in IAM, whose ARNs name no region."""
    arn = "arn:aws:iam::123456789012:server-certificate/api/example"
    program = declare_front(PublicLoadBalancer(https=Https(certificate_arn=arn)))
    assert one(program, LISTENER, "shop-https").inputs["certificateArn"] == arn


def _actions(program: Program, listener: str) -> Any:
    return one(program, LISTENER, listener).inputs["defaultActions"]


def test_redirects_port_80_and_answers_404_on_443_without_a_rule() -> None:
    """A link without https leads nowhere, or loses its path in the redirect."""
    program = declare_front(PublicLoadBalancer(https=MADE), services={"api": Service()})
    (redirect,) = _actions(program, "shop")
    assert redirect == {
        "type": "redirect",
        "redirect": {
            "statusCode": "HTTP_301",
            "protocol": "HTTPS",
            "port": "443",
            "host": "#{host}",
            "path": "/#{path}",
            "query": "#{query}",
        },
    }
    (not_found,) = _actions(program, "shop-https")
    assert not_found["fixedResponse"]["statusCode"] == "404"
    https = one(program, LISTENER, "shop-https")
    assert (https.inputs["port"], https.inputs["protocol"]) == (443, "HTTPS")
    # The listener on port 80 must have no rules: they would answer without TLS.
    rules = program.of_type("aws:lb/listenerRule:ListenerRule")
    assert [rule.inputs["listenerArn"] for rule in rules] == [https.outputs["arn"]]
