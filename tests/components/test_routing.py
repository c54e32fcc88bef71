"""Who gets which request when several microservices share a load balancer."""

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
def test_takes_paths_a_load_balancer_takes(paths: list[str]) -> None:
    """A service cannot have a path that a load balancer takes."""
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
    """The update fails when it comes to the listener rule."""
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
def test_takes_hosts_a_load_balancer_takes(hosts: list[str]) -> None:
    """A service cannot have a host name that a load balancer takes."""
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
    """The update fails when it comes to the listener rule."""
    with pytest.raises(InvalidArguments, match=f"Service: hosts .*{message}") as refused:
        Service(hosts=hosts, paths=paths)
    assert set(refused.value.mistakes) == {"hosts"}


def test_names_each_host_a_load_balancer_would_refuse() -> None:
    """The owner corrects one host after the other."""
    wrong = ["localhost", "10.0.0.1", "example.*", "API.example.com", "a_b.example.com", "a..com", "a.com:8080"]
    mistake = hosts_mistake([*wrong, "a.example.com"], ["/*"])
    assert mistake is not None
    assert mistake.startswith(f"has {', '.join(map(repr, wrong))}; ")


def test_says_what_is_wrong_with_paths_once_although_there_are_hosts() -> None:
    """Two messages about one mistake send the reader looking for a second."""
    with pytest.raises(InvalidArguments) as refused:
        Service(paths="/*", hosts=["a.example.com"])
    assert set(refused.value.mistakes) == {"paths"}


@pytest.mark.parametrize("priority", [0, 50_001])
def test_refuses_a_priority_a_load_balancer_would_refuse(priority: int) -> None:
    """The update fails when it comes to the listener rule."""
    with pytest.raises(InvalidArguments, match=r"priority is .*; use 1 to 50000"):
        Service(priority=priority)


@given(name=st.text(string.ascii_lowercase, min_size=1), paths=several_paths, hosts=several_hosts)
def test_derives_a_priority_that_a_rule_can_have(name: str, paths: list[str], hosts: list[str]) -> None:
    """Some name, path or host cannot be deployed without setting one by hand."""
    assert 1 <= derive_priority(name, paths, hosts) <= 50_000


@given(
    paths=several_paths,
    other_paths=several_paths,
    wildcard=st.sampled_from([["*.example.com"], ["a?i.example.com"], ["api.example.com", "*.example.org"]]),
)
def test_asks_rules_for_hosts_first_whatever_the_paths(
    paths: list[str], other_paths: list[str], wildcard: list[str]
) -> None:
    """A team that takes a path of every host takes it from those who have a host of their own."""
    any_host, wildcard_host = derive_priority("a", paths), derive_priority("b", other_paths, wildcard)
    assert wildcard_host < any_host
    assert derive_priority("c", other_paths, ["api.example.com"]) < derive_priority("b", paths, wildcard)


def test_asks_rules_for_hosts_first_even_before_the_longest_path() -> None:
    """A long path of any host is taken from the team that has the host."""
    longest = ["/" + 127 * "x"]
    for number in range(50):
        exact = derive_priority(f"a{number}", ["/*"], ["api.example.com"])
        assert exact < derive_priority(f"b{number}", longest, ["*.example.com"])
        assert derive_priority(f"b{number}", ["/*"], ["*.example.com"]) < derive_priority(f"c{number}", longest)


def test_derives_different_priorities_for_one_name_at_several_hosts() -> None:
    """At a listener of several teams each may have a `query-api`; AWS refuses the second rule of the same priority."""
    hosts = [["a.example.com"], ["b.example.com"], ["a.example.com", "b.example.com"]]
    assert len({derive_priority("query-api", ["/*"], each) for each in hosts}) == 3
    assert derive_priority("x", ["/*"], hosts[2]) == derive_priority("x", ["/*"], hosts[2][::-1])


def test_derives_the_same_priority_for_ever() -> None:
    """Another number for a name and paths that stay would move live rules when this project is updated."""
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
def test_asks_the_more_special_path_first(special: list[str], general: list[str], hosts: list[str]) -> None:
    """A microservice that takes all that is left takes everything."""
    for number in range(50):
        assert derive_priority(f"a{number}", special, hosts) < derive_priority(f"b{number}", general, hosts)


def test_tells_long_paths_apart_that_have_no_hosts() -> None:
    """The more general of two may be asked first."""
    special, general = "/" + 62 * "x", "/" + 61 * "x" + "*"
    for number in range(50):
        assert derive_priority(f"a{number}", [special]) < derive_priority(f"b{number}", [general])


@pytest.mark.parametrize("computed", [True, False])
def test_sends_only_requests_for_its_hosts_to_a_microservice(computed: bool) -> None:
    """A listener of several teams sends one the requests of another."""
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


def test_refuses_a_path_two_microservices_want() -> None:
    """One of two services never gets a request."""
    with pytest.raises(InvalidArguments, match=r"Service of things: paths has /v1/\*, which countries has too"):
        declare_front(services={"countries": Service(paths=["/v1/*"]), "things": Service(paths=["/things/*", "/v1/*"])})


@pytest.mark.parametrize(
    ("hosts", "others"),
    [(["b.com", "a.com"], ["c.com", "b.com"]), (["*.b.com"], ["*.b.com"])],
)
def test_refuses_a_path_two_microservices_want_of_one_host(hosts: list[str], others: list[str]) -> None:
    """One of two services of a host never gets a request."""
    with pytest.raises(InvalidArguments, match=r"Service of two: paths has (\*\.)?b\.com/v1, which one has too"):
        declare_front(
            services={"one": Service(hosts=hosts, paths=["/v1"]), "two": Service(hosts=others, paths=["/v1"])}
        )


def test_takes_one_path_of_different_hosts() -> None:
    """Teams that share a listener, each with a host, cannot have all paths of it."""
    hosts = {"aa": ["a.example.com"], "bb": ["b.example.com", "c.example.com"], "more": ["*.example.com"], "any": []}
    program = declare_front(services={name: Service(hosts=each) for name, each in hosts.items()})
    rules = sorted(program.of_type(RULE), key=lambda rule: rule.inputs["priority"])
    assert {rule.name for rule in rules[:2]} == {"aa", "bb"}
    assert [rule.name for rule in rules[2:]] == ["more", "any"]


def test_refuses_a_priority_two_microservices_have() -> None:
    """The load balancer refuses the second, in the middle of the update."""
    message = "Service of b1: priority is 7, and so is that of a1: set priority of one of them"
    with pytest.raises(InvalidArguments, match=message):
        declare_front(services={"a1": Service(paths=["/a/*"], priority=7), "b1": Service(paths=["/b/*"], priority=7)})


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("before", "behind"),
    [("/*", "/things/*"), ("/t*", "/things"), ("/t*s", "/t*ings"), ("/?", "/x"), ("/t*", "/t?")],
)
def test_refuses_a_path_that_another_microservice_hides(before: str, behind: str, order: int) -> None:
    """It would be deployed and healthy, and never asked."""
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
    """It would be deployed and healthy, and never asked at that host."""
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
def test_takes_a_path_that_goes_first_at_other_hosts(before: list[str], behind: list[str]) -> None:
    """Those behind still get the requests of their other hosts."""
    claims = Claims()
    claims.add(Claim(name="before", hosts=before, paths=["/*"], priority=1))
    claims.add(Claim(name="behind", hosts=behind, paths=["/v1/*", "/*"], priority=2))


@pytest.mark.parametrize(("before", "behind"), [("/things/*", "/*"), ("/a?", "/a*"), ("/a/*", "/b/*"), ("/a", "/a*")])
def test_takes_paths_that_overlap_in_part(before: str, behind: str) -> None:
    """The more special one goes first, which is what priorities are for."""
    claims = Claims()
    claims.add(Claim(name="before", paths=[before], priority=1))
    claims.add(Claim(name="behind", paths=[behind], priority=2))


def test_keeps_every_priority_when_a_microservice_comes() -> None:
    """Giving a live rule the priority that another still holds fails in the middle of an update."""
    services = {"query-api": Service(), "countries": Service(paths=["/countries/*"])}

    def priorities(**more: Service) -> dict[str, int]:
        return {
            rule.name: rule.inputs["priority"] for rule in declare_front(services={**more, **services}).of_type(RULE)
        }

    assert priorities().items() < priorities(things=Service(paths=["/things/*"]), all=Service(paths=["/c*"])).items()


def test_takes_a_priority_that_is_set() -> None:
    """Rules of others at the same listener cannot be made way for."""
    program = declare_front(services={"api": Service(priority=12)})
    assert one(program, RULE, "api").inputs["priority"] == 12


def test_starts_a_service_once_requests_can_reach_it() -> None:
    """ECS refuses a target group that no rule uses; without the way there, its tasks count as ill and are replaced."""
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
    """Moving to another load balancer fails: one target group cannot be used by the old and the new one."""
    program = declare_front(options, services={"api": Service()})
    group = one(program, "aws:lb/targetGroup:TargetGroup", "api")
    assert group.replacement_trigger == program.outputs["suffix"]


def test_replaces_a_target_group_in_use_without_taking_it_away_first() -> None:
    """Another port needs another target group; a rule's cannot be deleted, nor one of the same name be created."""
    group = one(declare_front(services={"api": Service(port=9000)}), "aws:lb/targetGroup:TargetGroup", "api")
    assert group.inputs["port"] == 9000
    assert not group.delete_before_replace
    assert "name" not in group.inputs
