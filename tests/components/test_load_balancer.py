"""The load balancer: who may connect, the web ACL before it, and a listener that another stack owns."""

from typing import Any

import pulumi
import pytest

from components import AccessLogs, ExistingListener, Https, PublicLoadBalancer, Service
from components.arguments import InvalidArguments
from components.load_balancing.load_balancer import load_balancer_suffix
from tests.components.front import (
    CERTIFICATE_ARN,
    EXISTING,
    LISTENER_ARN,
    WEB_ACL_ARN,
    declare_front,
    urns,
)
from tests.evaluation import dependencies, one

OWN = Https(certificate_arn=CERTIFICATE_ARN)
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"


@pytest.mark.parametrize(
    ("cidrs", "message"),
    [
        ((), "is empty, so nobody could connect"),
        ("0.0.0.0/0", r"give a list such as \['0\.0\.0\.0/0'\]"),
        (["::/0"], "IPv4 addresses only"),
        (["10.0.0.1/8"], r"AWS would change it to 10\.0\.0\.0/8"),
        (["203.0.113.7"], r"AWS would change it to 203\.0\.113\.7/32"),
        (["10.0.0.0/33"], "give IPv4 CIDR blocks such as"),
        (["anywhere"], "give IPv4 CIDR blocks such as"),
        (["10.0.0.0/8", "10.0.0.0/8"], "the same block twice"),
    ],
)
def test_refuses_a_block_of_addresses_that_aws_would_refuse_or_change(cidrs: Any, message: str) -> None:
    """The update fails halfway, or every later update shows the same change again."""
    with pytest.raises(InvalidArguments, match=f"allowed_cidrs .*{message}"):
        PublicLoadBalancer(allowed_cidrs=cidrs)


@pytest.mark.parametrize(
    ("https", "most", "message"),
    [
        (None, 60, "has 61 blocks with a rule each, and a security group takes 60 rules; give at most 60"),
        (OWN, 30, "has 31 blocks with 2 rules each, and a security group takes 60 rules; give at most 30"),
    ],
)
def test_refuses_more_blocks_than_a_security_group_takes(https: Https | None, most: int, message: str) -> None:
    """The update fails at the 61st rule, after some clients got access and others did not."""
    blocks = [f"10.0.{number}.0/24" for number in range(most + 1)]
    assert PublicLoadBalancer(https=https, allowed_cidrs=blocks[:most]).allowed_cidrs == blocks[:most]
    with pytest.raises(InvalidArguments, match=f"allowed_cidrs {message}"):
        PublicLoadBalancer(https=https, allowed_cidrs=blocks)


@pytest.mark.parametrize(("https", "ports"), [(None, {80}), (OWN, {80, 443})])
def test_accepts_only_allowed_blocks(https: Https | None, ports: set[int]) -> None:
    """A load balancer meant for an office is open to the world, or closed to the office."""
    cidrs = ["203.0.113.0/24", "198.51.100.7/32"]
    rules = declare_front(PublicLoadBalancer(https=https, allowed_cidrs=cidrs)).of_type(INGRESS)
    into = {
        (rule.inputs["cidrIpv4"], rule.inputs["fromPort"], rule.inputs["toPort"])
        for rule in rules
        if rule.inputs["securityGroupId"] == "shop-alb-id"
    }
    assert into == {(cidr, port, port) for cidr in cidrs for port in ports}


def test_names_rules_after_their_cidr_blocks() -> None:
    """Reordering the list replaces rules in use, and shuts clients out during the update."""
    blocks = ["203.0.113.0/24", "198.51.100.7/32", "10.0.0.0/8"]

    def by_name(cidrs: list[str]) -> dict[str, str]:
        rules = declare_front(PublicLoadBalancer(allowed_cidrs=cidrs)).of_type(INGRESS)
        return {rule.name: rule.inputs["cidrIpv4"] for rule in rules if "cidrIpv4" in rule.inputs}

    assert by_name(blocks) == by_name(blocks[::-1])
    assert by_name(blocks[:2]).items() < by_name(blocks).items()


def test_replaces_no_security_group_when_https_is_switched_on() -> None:
    """Switching HTTPS on replaces the security group, and every rule with it, since its description cannot be
    changed.
    """
    plain, https = (
        one(declare_front(PublicLoadBalancer(https=option)), "aws:ec2/securityGroup:SecurityGroup", "shop-alb")
        for option in (None, OWN)
    )
    assert plain.inputs == https.inputs


@pytest.mark.parametrize("protect", [True, False])
def test_protects_the_load_balancer_as_set(protect: bool) -> None:
    """A mistaken destroy loses the load balancer's address, or a dev stack's destroy stops at a protected one."""
    balancer = one(declare_front(protect=protect), LOAD_BALANCER, "shop").inputs
    assert balancer["enableDeletionProtection"] is protect
    assert balancer["dropInvalidHeaderFields"] is True
    assert balancer["idleTimeout"] == 60


def test_makes_a_new_load_balancer_in_another_vpc() -> None:
    """An update that changes the VPC fails: AWS cannot move a load balancer to another VPC."""
    balancer = one(declare_front(), LOAD_BALANCER, "shop")
    assert balancer.replacement_trigger == "vpc-shop"
    assert not balancer.delete_before_replace


def test_switches_access_logs_off_explicitly() -> None:
    """Logs go to a deleted bucket: the provider leaves the setting unchanged when the argument is missing."""
    assert one(declare_front(), LOAD_BALANCER, "shop").inputs["accessLogs"] == {"enabled": False, "bucket": ""}


@pytest.mark.parametrize("https", [OWN, Https(domain="api.example.com", hosted_zone_id="Z0123456789ABCDEFGHIJ")])
def test_tags_everything_that_can_be_tagged(https: Https) -> None:
    """Costs cannot be assigned to a stack, and resources that a stack left behind cannot be found."""
    program = declare_front(
        PublicLoadBalancer(https=https, access_logs=AccessLogs(), web_acl_arn=WEB_ACL_ARN), services={"api": Service()}
    )
    untagged = {each.type.rpartition(":")[2] for each in program.resources if each.inputs.get("tags", {}) == {}}
    tagged = {each.type.rpartition(":")[2] for each in program.resources if "Team" in each.inputs.get("tags", {})}
    assert tagged >= {"LoadBalancer", "Listener", "ListenerRule", "TargetGroup", "SecurityGroupIngressRule", "Bucket"}
    assert ("Certificate" in tagged) is (https is not OWN)
    assert not tagged & untagged


@pytest.mark.parametrize("https", [None, OWN])
def test_serves_no_request_before_the_web_acl_filters_it(https: Https | None) -> None:
    """Attacks reach the service until the web ACL filters requests."""
    program = declare_front(PublicLoadBalancer(https=https, web_acl_arn=WEB_ACL_ARN))
    association = one(program, ASSOCIATION, "shop")
    assert association.inputs == {
        "webAclArn": WEB_ACL_ARN,
        "resourceArn": one(program, LOAD_BALANCER, "shop").outputs["arn"],
    }
    for listener in program.of_type(LISTENER):
        assert "WebAclAssociation shop" in dependencies(program, listener)


def test_removes_the_old_web_acl_before_it_adds_the_new_one() -> None:
    """The new web ACL is removed: an association is deleted by its load balancer, so the old one must be
    deleted first.
    """
    program = declare_front(PublicLoadBalancer(web_acl_arn=WEB_ACL_ARN))
    assert one(program, ASSOCIATION, "shop").delete_before_replace


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        (WEB_ACL_ARN.replace("regional", "global"), "a global one is for CloudFront"),
        ("shop", "give an ARN such as arn:aws:wafv2:"),
    ],
)
def test_refuses_a_web_acl_that_load_balancers_cannot_use(arn: str, message: str) -> None:
    """The update fails after the load balancer is created."""
    with pytest.raises(InvalidArguments, match=f"web_acl_arn .*{message}"):
        PublicLoadBalancer(web_acl_arn=arn)


@pytest.mark.parametrize(
    "options",
    [
        PublicLoadBalancer(web_acl_arn=WEB_ACL_ARN.replace("us-east-1", "eu-west-1")),
        PublicLoadBalancer(https=Https(certificate_arn=CERTIFICATE_ARN.replace("us-east-1", "eu-west-1"))),
        ExistingListener(
            listener_arn=LISTENER_ARN.replace("us-east-1", "eu-west-1"),
            security_group_id="sg-01234567",
            url="http://example.com",
        ),
    ],
)
@pytest.mark.parametrize("computed", [True, False])
def test_refuses_arns_of_another_region(options: PublicLoadBalancer | ExistingListener, computed: bool) -> None:
    """The update fails after the load balancer is created, although the region is known in the preview."""
    with pytest.raises(ValueError, match="this stack is in us-east-1: give one of that region"):
        declare_front(options, computed=computed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"listener_arn": LISTENER_ARN.replace("/app/", "/net/")}, r"listener_arn .*of an application load balancer"),
        ({"listener_arn": LISTENER_ARN.replace(":listener/", ":loadbalancer/")}, "listener_arn .*give an ARN such as"),
        ({"listener_arn": LISTENER_ARN.rpartition("/")[0]}, "listener_arn .*give an ARN such as"),
        ({"security_group_id": "shared"}, "security_group_id .*give an ID such as sg-"),
        ({"url": "api.example.com"}, "url .*give http:// or https://"),
        ({"url": "https://api.example.com/"}, "url .*without a path or slash"),
        ({"url": "https://user:password@api.example.com"}, "url .*give http:// or https://"),
    ],
)
def test_refuses_a_listener_it_could_not_use(arguments: dict[str, str], message: str) -> None:
    """The update fails at the first rule, or the stack's URL output does not work."""
    with pytest.raises(InvalidArguments, match=message):
        ExistingListener(**{**vars(EXISTING), **arguments})


def test_derives_a_load_balancers_suffix_from_its_listeners_arn() -> None:
    """Target tracking and dashboards of a service behind an existing listener show nothing."""
    assert load_balancer_suffix(LISTENER_ARN) == "app/shared/50dc6c495c0c9188"
    with pytest.raises(InvalidArguments, match="listener_arn"):
        load_balancer_suffix("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shared/50dc6c49")


def test_puts_a_service_behind_an_existing_listener_and_creates_no_load_balancer() -> None:
    """A team pays for a load balancer that it does not use, or its requests do not arrive."""
    program = declare_front(EXISTING, services={"api": Service(paths=["/things/*"])})
    assert not [*program.of_type(LOAD_BALANCER), *program.of_type(LISTENER)]
    assert "shop-alb" not in {resource.name for resource in program.resources}
    rule = one(program, "aws:lb/listenerRule:ListenerRule", "api")
    assert rule.inputs["listenerArn"] == LISTENER_ARN
    out, into = one(program, EGRESS, "api-alb-to-tasks").inputs, one(program, INGRESS, "api-tasks-from-alb").inputs
    assert (out["securityGroupId"], out["referencedSecurityGroupId"]) == ("sg-0123456789abcdef0", "api-tasks-id")
    assert (into["securityGroupId"], into["referencedSecurityGroupId"]) == ("api-tasks-id", "sg-0123456789abcdef0")
    assert program.outputs == {"url": "https://api.example.com", "suffix": "app/shared/50dc6c495c0c9188"}


def test_accepts_a_listener_from_another_resources_outputs() -> None:
    """A listener whose ARN is an output, since another stack or resource makes it, cannot be used."""

    def shared(listener_arn: str) -> ExistingListener:
        return ExistingListener(
            listener_arn=pulumi.Output.from_input(listener_arn),
            security_group_id=pulumi.Output.from_input("sg-0123456789abcdef0"),
            url=pulumi.Output.from_input("https://api.example.com"),
        )

    program = declare_front(lambda: shared(LISTENER_ARN))
    assert program.outputs == {"url": "https://api.example.com", "suffix": "app/shared/50dc6c495c0c9188"}
    with pytest.raises(ValueError, match="listener_arn is 'shared'"):
        declare_front(lambda: shared("shared"))


def test_outputs_the_load_balancers_own_name_without_https() -> None:
    """A stack without a domain outputs no address."""
    assert declare_front().outputs == {"url": "http://127.0.0.1:8080", "suffix": "app/shop/50dc6c495c0c9188"}


@pytest.mark.parametrize(
    "options",
    [
        PublicLoadBalancer(),
        PublicLoadBalancer(https=OWN, web_acl_arn=WEB_ACL_ARN, access_logs=AccessLogs()),
        PublicLoadBalancer(https=Https(domain="api.example.com", hosted_zone_id="Z0123456789ABCDEFGHIJ")),
        PublicLoadBalancer(access_logs=AccessLogs(bucket="logs-of-everything", prefix="shop")),
        EXISTING,
    ],
)
def test_declares_the_same_in_a_preview_where_nothing_is_known(options: PublicLoadBalancer | ExistingListener) -> None:
    """The first `pulumi preview` of a new stack fails, or shows less than `pulumi up` creates."""
    services = {"api": Service()}
    assert urns(declare_front(options, services=services, computed=False)) == urns(
        declare_front(options, services=services)
    )
