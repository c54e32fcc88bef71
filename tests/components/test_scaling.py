"""What `Scaling` sends to Application Auto Scaling, and the values that it refuses."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.arguments import InvalidArguments
from components.service.scaling import (
    Scaling,
    ScheduledScaling,
    ServiceScaling,
    check_min_tasks,
    create_scaling,
    least_tasks,
)
from declared.program import Program
from tests.evaluation import declare, dependencies, one

_TARGET = "aws:appautoscaling/target:Target"
_POLICY = "aws:appautoscaling/policy:Policy"


def _declare(scaling: Scaling, *, min_tasks: int = 2, computed: bool = True) -> tuple[Program, ServiceScaling]:
    made: list[ServiceScaling] = []

    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "api", {})
        opts = pulumi.ResourceOptions(parent=parent)
        cluster = aws.ecs.Cluster("env", opts=opts)
        target_group = aws.lb.TargetGroup("api", opts=opts)
        rule = aws.lb.ListenerRule("api", listener_arn="arn", conditions=[], actions=[], opts=opts)
        made.append(
            create_scaling(
                "api",
                scaling,
                cluster_name=cluster.name,
                service=aws.ecs.Service("api", cluster=cluster.arn, opts=opts),
                min_tasks=min_tasks,
                load_balancer_arn_suffix=aws.lb.LoadBalancer("env", opts=opts).arn_suffix,
                target_group=target_group,
                depends_on=[rule],
                tags={"Microservice": "api"},
                parent=parent,
            )
        )

    program = declare(run, computed=computed)
    return program, made[0]


def _configuration(program: Program, by: str) -> dict[str, Any]:
    configuration: dict[str, Any] = one(program, _POLICY, f"api-{by}").inputs[
        "targetTrackingScalingPolicyConfiguration"
    ]
    return configuration


def test_scales_the_services_desired_count_between_minimum_and_maximum() -> None:
    """The scaling changes another service, or has no upper and lower bounds."""
    program, _ = _declare(Scaling(max_tasks=8), min_tasks=3)
    inputs = one(program, _TARGET, "api").inputs
    assert inputs == {
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": "service/env/api",
        "minCapacity": 3,
        "maxCapacity": 8,
        "tags": {"Microservice": "api"},
    }


@pytest.mark.parametrize(
    ("by", "metric", "label"),
    [
        ("cpu", "ECSServiceAverageCPUUtilization", None),
        ("memory", "ECSServiceAverageMemoryUtilization", None),
        ("requests", "ALBRequestCountPerTarget", "app/env/50dc6c495c0c9188/targetgroup/api/0123456789abcdef"),
    ],
)
def test_holds_each_metric_that_is_set_at_its_target(by: str, metric: str, label: str | None) -> None:
    """The service stays small under load, or follows another metric than the declared one."""
    metrics: dict[str, Any] = {"cpu": None, by: 70}
    scaling = Scaling(max_tasks=4, **metrics, scale_out_cooldown=30, scale_in_cooldown=600)
    program, scaled = _declare(scaling)
    assert scaled.policies.keys() == {by}
    policy = one(program, _POLICY, f"api-{by}")
    assert policy.inputs["policyType"] == "TargetTrackingScaling"
    target = one(program, _TARGET, "api").inputs
    for key in ("serviceNamespace", "scalableDimension", "resourceId"):
        assert policy.inputs[key] == target[key]
    configuration = _configuration(program, by)
    specification = configuration.pop("predefinedMetricSpecification")
    assert specification == {"predefinedMetricType": metric} | ({"resourceLabel": label} if label else {})
    assert configuration == {"targetValue": 70, "scaleOutCooldown": 30, "scaleInCooldown": 600}


def test_scales_by_cpu_alone_by_default() -> None:
    """A service that declares only its maximum scales by a metric that its owner did not choose."""
    program, scaled = _declare(Scaling(max_tasks=4))
    assert scaled.policies.keys() == {"cpu"}
    assert _configuration(program, "cpu")["targetValue"] == 60


def test_scales_by_requests_once_the_load_balancer_sends_them() -> None:
    """AWS refuses the policy on a new stack, since the target group does not belong to a load balancer yet."""
    program, _ = _declare(Scaling(max_tasks=4, requests=1000))
    assert "ListenerRule api" in dependencies(program, one(program, _POLICY, "api-requests"))


def test_ends_scaling_before_the_service_is_removed() -> None:
    """Scaling adds tasks to a service that is being drained, and `pulumi destroy` never ends."""
    program, _ = _declare(Scaling(max_tasks=4))
    assert dependencies(program, one(program, _POLICY, "api-cpu")) >= {"Target api", "Service api", "Cluster env"}


def test_declares_the_same_scaling_in_a_preview_where_nothing_is_known() -> None:
    """The first preview of a stack fails, or shows less than `pulumi up` creates."""
    scaling = Scaling(max_tasks=4, memory=80, requests=1000)
    preview, _ = _declare(scaling, computed=False)
    program, _ = _declare(scaling)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in program.resources}
    assert one(preview, _TARGET, "api").inputs["maxCapacity"] == 4


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({"max_tasks": 0}, {"max_tasks"}),
        ({"max_tasks": 5001}, {"max_tasks"}),
        ({"cpu": 0}, {"cpu"}),
        ({"cpu": 100}, {"cpu"}),
        ({"memory": 101}, {"memory"}),
        ({"requests": 0}, {"requests"}),
        ({"scale_out_cooldown": -1, "scale_in_cooldown": -1}, {"scale_out_cooldown", "scale_in_cooldown"}),
        ({"cpu": None}, {"cpu"}),
    ],
)
def test_refuses_scaling_that_could_not_work(arguments: dict[str, Any], refused: set[str]) -> None:
    """AWS refuses it halfway through an update, or the service never scales."""
    with pytest.raises(InvalidArguments) as error:
        Scaling(**{"max_tasks": 4, **arguments})
    assert error.value.mistakes.keys() == refused


@pytest.mark.parametrize("arguments", [{"cpu": 1}, {"cpu": 99}, {"cpu": None, "requests": 1}, {"scale_in_cooldown": 0}])
def test_accepts_scaling_at_its_limits(arguments: dict[str, Any]) -> None:
    """A team cannot scale as far as AWS allows."""
    Scaling(**{"max_tasks": 5000, **arguments})


def test_names_both_numbers_when_the_most_is_below_the_fewest() -> None:
    """The error names only one of the two numbers, and the owner has to look for the other."""
    with pytest.raises(InvalidArguments, match="max_tasks 2, but tasks is 3"):
        check_min_tasks(Scaling(max_tasks=2), 3)
    check_min_tasks(Scaling(max_tasks=2), 2)


def test_refuses_to_scale_from_no_task() -> None:
    """The service stays at no task for ever, since without a task there is no metric to scale by."""
    with pytest.raises(InvalidArguments, match="tasks is 0"):
        check_min_tasks(Scaling(max_tasks=2), 0)


_DAY = ScheduledScaling(expression="cron(0 7 ? * MON-FRI *)", timezone="Europe/Berlin", min_tasks=4, max_tasks=12)
_NIGHT = ScheduledScaling(expression="cron(0 19 ? * MON-FRI *)", min_tasks=0, max_tasks=2)


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_changes_the_bounds_at_their_times(computed: bool) -> None:
    """The tasks for the morning's load start after it is over, or another service gets them."""
    program, made = _declare(Scaling(max_tasks=8, cpu=None, schedule=[_DAY, _NIGHT]), computed=computed)
    found = sorted(program.of_type("aws:appautoscaling/scheduledAction:ScheduledAction"), key=lambda each: each.name)
    actions = [each.inputs for each in found]
    assert [(each["schedule"], each["timezone"], each["scalableTargetAction"]) for each in actions] == [
        ("cron(0 7 ? * MON-FRI *)", "Europe/Berlin", {"minCapacity": 4, "maxCapacity": 12}),
        ("cron(0 19 ? * MON-FRI *)", "UTC", {"minCapacity": 0, "maxCapacity": 2}),
    ]
    assert {each["scalableDimension"] for each in actions} == {"ecs:service:DesiredCount"}
    if computed:
        assert {each["resourceId"] for each in actions} == {"service/env/api"}
    assert (len(made.actions), made.policies) == (2, {})


def test_finds_the_fewest_tasks_of_a_day() -> None:
    """The alarm on running tasks fires each night, when fewer tasks are intended."""
    assert least_tasks(2, None) == least_tasks(2, Scaling(max_tasks=4)) == 2
    assert least_tasks(2, Scaling(max_tasks=4, schedule=[_DAY])) == 2
    assert least_tasks(2, Scaling(max_tasks=4, schedule=[_DAY, _NIGHT])) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_tasks": 3}, "max_tasks is 3; use min_tasks or more"),
        ({"min_tasks": -1}, "min_tasks is -1; use 0 to 5000"),
        ({"expression": "cron(0 7 * * *)"}, "expression is .*; cron takes six fields"),
        ({"timezone": "Mars"}, "timezone is 'Mars'; use a name of the IANA database"),
    ],
)
def test_refuses_a_time_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    """The update fails at the scheduled action, after the service is changed."""
    with pytest.raises(InvalidArguments, match=message):
        ScheduledScaling(**{"expression": "rate(1 day)", "min_tasks": 4, "max_tasks": 8, **arguments})
