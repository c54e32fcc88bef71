"""Who gets which request when several microservices share a load balancer."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import ExistingListener, PublicLoadBalancer, Service
from components.arguments import InvalidArguments
from components.load_balancing.routing import Claim, Claims, derive_priority, paths_mistake
from tests.components.front import EXISTING, declare_front
from tests.evaluation import dependencies, one

RULE = "aws:lb/listenerRule:ListenerRule"

patterns = st.text(string.ascii_lowercase + "/*", max_size=127).map(lambda rest: f"/{rest}")


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
    """A path that works must not be refused."""
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
    """Else the update fails when it comes to the listener rule."""
    with pytest.raises(InvalidArguments, match=f"Service: paths .*{message}"):
        Service(paths=paths)


@pytest.mark.parametrize("priority", [0, 50_001])
def test_refuses_a_priority_a_load_balancer_would_refuse(priority: int) -> None:
    """Else the update fails when it comes to the listener rule."""
    with pytest.raises(InvalidArguments, match=r"priority is .*; use 1 to 50000"):
        Service(priority=priority)


@given(name=st.text(string.ascii_lowercase, min_size=1), paths=st.lists(patterns, min_size=1, max_size=5))
def test_derives_a_priority_that_a_rule_can_have(name: str, paths: list[str]) -> None:
    """Else some name or path cannot be deployed without setting one by hand."""
    assert 1 <= derive_priority(name, paths) <= 50_000


def test_derives_the_same_priority_for_ever() -> None:
    """Another number for a name and paths that stay would move live rules when this project is updated."""
    assert derive_priority("query-api", ["/*"]) == 49914
    assert derive_priority("query-api", ["/countries", "/countries/*"]) == 46209


@pytest.mark.parametrize(
    ("special", "general"),
    [
        (["/countries/*"], ["/*"]),
        (["/countries"], ["/countries*"]),
        (["/countries/*"], ["/countries*"]),
        (["/countries"], ["/countries/*", "/*"]),
    ],
)
def test_asks_the_more_special_path_first(special: list[str], general: list[str]) -> None:
    """Else a microservice that takes all that is left takes everything."""
    for number in range(50):
        assert derive_priority(f"a{number}", special) < derive_priority(f"b{number}", general)


def test_refuses_a_path_two_microservices_want() -> None:
    """Only one of them would ever be asked."""
    with pytest.raises(InvalidArguments, match=r"Service of things: paths has /v1/\*, which countries has too"):
        declare_front(services={"countries": Service(paths=["/v1/*"]), "things": Service(paths=["/things/*", "/v1/*"])})


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
    """Else rules of others at the same listener cannot be made way for."""
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
    """Else moving to another load balancer fails: one target group cannot be used by the old and the new one."""
    program = declare_front(options, services={"api": Service()})
    group = one(program, "aws:lb/targetGroup:TargetGroup", "api")
    assert group.replacement_trigger == program.outputs["suffix"]


def test_replaces_a_target_group_in_use_without_taking_it_away_first() -> None:
    """Another port needs another target group; a rule's cannot be deleted, nor one of the same name be created."""
    group = one(declare_front(services={"api": Service(port=9000)}), "aws:lb/targetGroup:TargetGroup", "api")
    assert group.inputs["port"] == 9000
    assert not group.delete_before_replace
    assert "name" not in group.inputs
