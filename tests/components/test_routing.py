"""Listener rules: how several microservices share a load balancer."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import ExistingListener, PublicLoadBalancer, Service
from components.arguments import InvalidArguments
from components.load_balancing.routing import Claim, Claims, derive_priority, hosts_mistake, paths_mistake
from tests.components.front import EXISTING, declare_front
from tests.evaluation import dependencies, one

RULE = "aws:lb/listenerRule:ListenerRule"

patterns = st.text(string.ascii_lowercase + "/*", max_size=127).map(lambda rest: f"/{rest}")
host_patterns = st.text(string.ascii_lowercase + "*", min_size=1).map(lambda first: f"{first}.example.com")
several_hosts = st.lists(host_patterns, max_size=3)
several_paths = st.lists(patterns, min_size=1, max_size=5)


@pytest.mark.parametrize(
    "paths",
    [
        ["/*"],
        ["/"],
        ["/v1/*", "/v2/*", "/v3/*", "/v4/*", "/v5/*"],
        ["/img/*/pics", "/a?c", "/A-Z_0.9/$~\"'@:+&"],
        ["/" + "x" * 127],
    ],
)
def test_accepts_the_paths_that_a_load_balancer_accepts(paths: list[str]) -> None:
    """A service cannot have a path that a load balancer accepts."""
    assert paths_mistake(paths) is None


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("/*", r"give a list of path patterns such as \['/\*'\]"),
        ([], "are 0; a load balancer's rule takes 1 to 5"),
        ([f"/{number}" for number in range(6)], "are 6; .* 1 to 5"),
        (["countries/*"], "'countries/\\*'; a path pattern is a slash and"),
        (["/" + "x" * 128], "up to 127 of"),
        (["/a b", "/a%20b", "/ä", "/ok"], "has '/a b', '/a%20b', '/ä'; a path"),
        (["/a", "/a"], "the same path twice"),
        (["/*/*/*", "/a/*/*/*"], "have 6 wildcards; .* takes 5"),
    ],
)
def test_refuses_paths_a_load_balancer_would_refuse(paths: Any, message: str) -> None:
    """The update fails at the listener rule."""
    with pytest.raises(InvalidArguments, match=f"Service: paths .*{message}"):
        Service(paths=paths)


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["example.com"],
        ["api.example.com", "*.example.org", "api-?.eu-1.example.com", "a*b.example.com"],
        [f"{'x' * 124}.com"],
    ],
)
def test_accepts_the_hosts_that_a_load_balancer_accepts(hosts: list[str]) -> None:
    """A service cannot have a host name that a load balancer accepts."""
    assert hosts_mistake(hosts, ["/*"]) is None


@pytest.mark.parametrize(
    ("hosts", "paths", "message"),
    [
        ("a.example.com", ["/*"], r"give a list of host patterns such as \['a.example.com'\]"),
        (["localhost", "a.example.com"], ["/*"], "has 'localhost'; a host pattern is up to 128 of"),
        (["10.0.0.1", "example.*", "example.c-m"], ["/*"], "after the last dot, only letters"),
        (["API.example.com", "a_b.example.com", "a..com", ".com", "a.com:8080"], ["/*"], "a host pattern is up to"),
        ([f"{'x' * 125}.com"], ["/*"], "up to 128 of"),
        (["a.example.com\n"], ["/*"], "a host pattern is"),
        (["a.example.com", "a.example.com"], ["/*"], "the same host twice"),
        (["a.com", "b.com", "c.com"], ["/1", "/2", "/3"], "are 3, beside 3 in paths; .* takes 5 of both together"),
        (["*.*.a.com"], ["/*/*/*/*"], "have, with paths, 6 wildcards; .* takes 5"),
    ],
)
def test_refuses_hosts_a_load_balancer_would_refuse(hosts: Any, paths: list[str], message: str) -> None:
    """The update fails at the listener rule."""
    with pytest.raises(InvalidArguments, match=f"Service: hosts .*{message}") as refused:
        Service(hosts=hosts, paths=paths)
    assert set(refused.value.mistakes) == {"hosts"}


def test_names_each_host_a_load_balancer_would_refuse() -> None:
    """The owner has to correct one host name after the other, with one run for each."""
    wrong = ["localhost", "10.0.0.1", "example.*", "API.example.com", "a_b.example.com", "a..com", "a.com:8080"]
    mistake = hosts_mistake([*wrong, "a.example.com"], ["/*"])
    assert mistake is not None
    assert mistake.startswith(f"has {', '.join(map(repr, wrong))}; ")


def test_names_a_mistake_in_paths_once_beside_hosts() -> None:
    """One mistake gives two messages, and the reader looks for a second mistake."""
    with pytest.raises(InvalidArguments) as refused:
        Service(paths="/*", hosts=["a.example.com"])
    assert set(refused.value.mistakes) == {"paths"}


@pytest.mark.parametrize("priority", [0, 50_001])
def test_refuses_a_priority_a_load_balancer_would_refuse(priority: int) -> None:
    """The update fails at the listener rule."""
    with pytest.raises(InvalidArguments, match=r"priority is .*; use 1 to 50000"):
        Service(priority=priority)


@given(name=st.text(string.ascii_lowercase, min_size=1), paths=several_paths, hosts=several_hosts)
def test_derives_a_priority_that_a_rule_can_have(name: str, paths: list[str], hosts: list[str]) -> None:
    """A service with some names, paths or hosts cannot be deployed without a priority set by hand."""
    assert 1 <= derive_priority(name, paths, hosts) <= 50_000


@given(
    paths=several_paths,
    other_paths=several_paths,
    wildcard=st.sampled_from([["*.example.com"], ["a?i.example.com"], ["api.example.com", "*.example.org"]]),
)
def test_gives_rules_with_hosts_priority_whatever_the_paths(
    paths: list[str], other_paths: list[str], wildcard: list[str]
) -> None:
    """A service without a host name gets requests for the host names of other teams."""
    any_host, wildcard_host = derive_priority("a", paths), derive_priority("b", other_paths, wildcard)
    assert wildcard_host < any_host
    assert derive_priority("c", other_paths, ["api.example.com"]) < derive_priority("b", paths, wildcard)


def test_gives_rules_with_hosts_priority_over_the_longest_path() -> None:
    """A service with a long path and no host name gets requests for another team's host name."""
    longest = ["/" + 127 * "x"]
    for number in range(50):
        exact = derive_priority(f"a{number}", ["/*"], ["api.example.com"])
        assert exact < derive_priority(f"b{number}", longest, ["*.example.com"])
        assert derive_priority(f"b{number}", ["/*"], ["*.example.com"]) < derive_priority(f"c{number}", longest)


def test_derives_different_priorities_for_one_name_at_several_hosts() -> None:
    """When several teams at one listener each have a `query-api`, AWS refuses the second rule with the same
    priority.
    """
    hosts = [["a.example.com"], ["b.example.com"], ["a.example.com", "b.example.com"]]
    assert len({derive_priority("query-api", ["/*"], each) for each in hosts}) == 3
    assert derive_priority("x", ["/*"], hosts[2]) == derive_priority("x", ["/*"], hosts[2][::-1])


def test_derives_the_same_priority_for_ever() -> None:
    """An update of this project moves live rules, since the same name and paths get another priority."""
    assert derive_priority("query-api", ["/*"]) == 49914
    assert derive_priority("query-api", ["/countries", "/countries/*"]) == 46209
    assert derive_priority("query-api", ["/*"], ["api.example.com"]) == 12625
    assert derive_priority("query-api", ["/*"], ["*.example.com"]) == 25193


@pytest.mark.parametrize("hosts", [[], ["api.example.com"], ["*.example.com"]])
@pytest.mark.parametrize(
    ("special", "general"),
    [
        (["/countries/*"], ["/*"]),
        (["/countries"], ["/countries*"]),
        (["/countries/*"], ["/countries*"]),
        (["/countries"], ["/countries/*", "/*"]),
        (["/" + 31 * "x"], ["/" + 31 * "x" + "*"]),
    ],
)
def test_gives_the_more_specific_path_priority(special: list[str], general: list[str], hosts: list[str]) -> None:
    """A microservice with the path `/*` gets the requests of all other microservices."""
    for number in range(50):
        assert derive_priority(f"a{number}", special, hosts) < derive_priority(f"b{number}", general, hosts)


def test_gives_a_more_specific_long_path_priority_without_hosts() -> None:
    """The rule with the more general path may go first, so the more specific one gets no request."""
    special, general = "/" + 62 * "x", "/" + 61 * "x" + "*"
    for number in range(50):
        assert derive_priority(f"a{number}", [special]) < derive_priority(f"b{number}", [general])


@pytest.mark.parametrize("computed", [True, False])
def test_sends_only_requests_for_its_hosts_to_a_microservice(computed: bool) -> None:
    """With several teams at one listener, one team gets another team's requests."""
    services = {
        "api": Service(hosts=["api.example.com", "*.example.org"], paths=["/v1/*"]),
        "rest": Service(paths=["/v1/*"]),
    }
    program = declare_front(EXISTING, services=services, computed=computed)
    assert one(program, RULE, "api").inputs["conditions"] == [
        {"pathPattern": {"values": ["/v1/*"]}},
        {"hostHeader": {"values": ["api.example.com", "*.example.org"]}},
    ]
    assert one(program, RULE, "rest").inputs["conditions"] == [{"pathPattern": {"values": ["/v1/*"]}}]
    assert one(program, RULE, "api").inputs["priority"] < one(program, RULE, "rest").inputs["priority"]


def test_refuses_a_path_two_microservices_share() -> None:
    """One of two services never gets a request."""
    with pytest.raises(InvalidArguments, match=r"Service of things: paths has /v1/\*, which countries has too"):
        declare_front(services={"countries": Service(paths=["/v1/*"]), "things": Service(paths=["/things/*", "/v1/*"])})


@pytest.mark.parametrize(
    ("hosts", "others"),
    [(["b.com", "a.com"], ["c.com", "b.com"]), (["*.b.com"], ["*.b.com"])],
)
def test_refuses_a_path_two_microservices_share_at_one_host(hosts: list[str], others: list[str]) -> None:
    """One of two services with the same host name never gets a request."""
    with pytest.raises(InvalidArguments, match=r"Service of two: paths has (\*\.)?b\.com/v1, which one has too"):
        declare_front(
            services={"one": Service(hosts=hosts, paths=["/v1"]), "two": Service(hosts=others, paths=["/v1"])}
        )


def test_accepts_one_path_of_different_hosts() -> None:
    """Teams with different host names at one listener cannot all use the path `/*`."""
    hosts = {"aa": ["a.example.com"], "bb": ["b.example.com", "c.example.com"], "more": ["*.example.com"], "any": []}
    program = declare_front(services={name: Service(hosts=each) for name, each in hosts.items()})
    rules = sorted(program.of_type(RULE), key=lambda rule: rule.inputs["priority"])
    assert {rule.name for rule in rules[:2]} == {"aa", "bb"}
    assert [rule.name for rule in rules[2:]] == ["more", "any"]


def test_refuses_a_priority_two_microservices_have() -> None:
    """The load balancer refuses the second rule in the middle of the update."""
    message = "Service of b1: priority is 7, and so is that of a1: set priority of one of them"
    with pytest.raises(InvalidArguments, match=message):
        declare_front(services={"a1": Service(paths=["/a/*"], priority=7), "b1": Service(paths=["/b/*"], priority=7)})


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("before", "behind"),
    [("/*", "/things/*"), ("/t*", "/things"), ("/t*s", "/t*ings"), ("/?", "/x"), ("/t*", "/t?")],
)
def test_refuses_a_path_that_another_microservice_hides(before: str, behind: str, order: int) -> None:
    """A service is deployed and healthy, but never gets a request."""
    message = r"of behind gets no request: .* of before goes first \(priority 1 before 2\); set priority of behind"
    claims = Claims()
    with pytest.raises(InvalidArguments, match=message):
        for claim in [
            Claim(name="before", paths=["/other", before], priority=1),
            Claim(name="behind", paths=["/else", behind], priority=2),
        ][::order]:
            claims.add(claim)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ([], ["api.example.com"]),
        ([], ["*.example.com"]),
        (["*.example.com"], ["x.org", "api.example.com"]),
        (["x.org", "*.example.com"], ["*.eu.example.com"]),
        (["ap?.example.com"], ["api.example.com"]),
        (["api.example.com"], ["api.example.com"]),
    ],
)
def test_refuses_a_host_that_another_microservice_hides(before: list[str], behind: list[str], order: int) -> None:
    """A service is deployed and healthy, but never gets a request for this host name."""
    message = r"com/v1/x of behind gets no request: \S*/v1/\* of before goes first \(priority 1 before 2\)"
    claims = Claims()
    with pytest.raises(InvalidArguments, match=message):
        for claim in [
            Claim(name="before", hosts=before, paths=["/v1/*"], priority=1),
            Claim(name="behind", hosts=behind, paths=["/v1/x"], priority=2),
        ][::order]:
            claims.add(claim)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (["api.example.com"], []),
        (["*.com"], []),
        (["api.example.com"], ["*.example.com"]),
        (["*.example.com"], ["example.com"]),
        (["a.example.com"], ["b.example.com"]),
    ],
)
def test_accepts_a_path_that_is_hidden_at_some_hosts_only(before: list[str], behind: list[str]) -> None:
    """The update refuses a service that still gets the requests for its other host names."""
    claims = Claims()
    claims.add(Claim(name="before", hosts=before, paths=["/*"], priority=1))
    claims.add(Claim(name="behind", hosts=behind, paths=["/v1/*", "/*"], priority=2))


@pytest.mark.parametrize(("before", "behind"), [("/things/*", "/*"), ("/a?", "/a*"), ("/a/*", "/b/*"), ("/a", "/a*")])
def test_accepts_paths_that_overlap_in_part(before: str, behind: str) -> None:
    """The update refuses paths that overlap in part, although the priorities separate them correctly."""
    claims = Claims()
    claims.add(Claim(name="before", paths=[before], priority=1))
    claims.add(Claim(name="behind", paths=[behind], priority=2))


def test_keeps_every_priority_when_a_microservice_is_added() -> None:
    """An update fails in the middle: a live rule gets the priority that another live rule still holds."""
    services = {"query-api": Service(), "countries": Service(paths=["/countries/*"])}

    def priorities(**more: Service) -> dict[str, int]:
        return {
            rule.name: rule.inputs["priority"] for rule in declare_front(services={**more, **services}).of_type(RULE)
        }

    assert priorities().items() < priorities(things=Service(paths=["/things/*"]), all=Service(paths=["/c*"])).items()


def test_uses_a_set_priority() -> None:
    """A team cannot choose a priority that fits the existing rules at a shared listener."""
    program = declare_front(services={"api": Service(priority=12)})
    assert one(program, RULE, "api").inputs["priority"] == 12


def test_starts_a_service_once_requests_can_reach_it() -> None:
    """ECS refuses a target group without a rule; without the network rules, its tasks fail their health checks."""
    program = declare_front(services={"api": Service()})
    service = one(program, "aws:ecs/service:Service", "api")
    assert dependencies(program, service) >= {
        "TargetGroup api",
        "ListenerRule api",
        "Listener shop",
        "SecurityGroupEgressRule api-alb-to-tasks",
        "SecurityGroupIngressRule api-tasks-from-alb",
    }


@pytest.mark.parametrize("options", [PublicLoadBalancer(), EXISTING])
def test_gives_a_target_group_to_one_load_balancer_only(options: PublicLoadBalancer | ExistingListener) -> None:
    """A move to another load balancer fails, since two load balancers cannot share one target group."""
    program = declare_front(options, services={"api": Service()})
    group = one(program, "aws:lb/targetGroup:TargetGroup", "api")
    assert group.replacement_trigger == program.outputs["suffix"]


def test_replaces_a_target_group_in_use_without_taking_it_away_first() -> None:
    """A change of the port fails: a target group in use cannot be deleted, and its name cannot be used twice."""
    group = one(declare_front(services={"api": Service(port=9000)}), "aws:lb/targetGroup:TargetGroup", "api")
    assert group.inputs["port"] == 9000
    assert not group.delete_before_replace
    assert "name" not in group.inputs
