"""Blue/green, linear and canary: their resources, their permissions and refused arguments."""

import json
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from components import (
    Alarms,
    BlueGreen,
    Canary,
    Environment,
    ExistingListener,
    KeyspacesMicroservice,
    LambdaHook,
    Linear,
    Pause,
    Scaling,
    Service,
    Table,
    read,
)
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.everything import TOPIC_ARN
from tests.components.front import EXISTING
from tests.evaluation import declare, dependencies, one, policy

_SERVICE, _RULE = "aws:ecs/service:Service", "aws:lb/listenerRule:ListenerRule"
_ALARM, _ROLE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:iam/role:Role"
_DEPLOYMENT = "pulumi-python:dynamic/ecs:Deployment"
_FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:judge"
_ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:"
_ALARMS = Alarms(topic_arn=TOPIC_ARN, rollback=True)


def _declare(
    service: Service,
    *,
    computed: bool = True,
    name: str = "api",
    alarms: Alarms | None = _ALARMS,
    load_balancer: ExistingListener | None = None,
    **options: Any,
) -> Program:
    def run() -> None:
        more: Any = {"load_balancer": load_balancer} if load_balancer else {}
        KeyspacesMicroservice(
            name,
            environment=Environment("shop", keyspace="shop", **more, **options),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            alarms=alarms,
            dashboard=True,
            run=service,
        )

    return declare(run, computed=computed)


@pytest.fixture(scope="module")
def canary() -> Program:
    return _declare(Service(strategy=Canary(hooks=[Pause(), LambdaHook(function_arn=_FUNCTION)])))


def test_adds_nothing_without_a_strategy() -> None:
    """Every stack gets resources, roles and a changed rule that nobody asked for."""
    program = _declare(Service())
    service, rule = one(program, _SERVICE, "api"), one(program, _RULE, "api")
    assert "deploymentConfiguration" not in service.inputs
    assert set(service.inputs["loadBalancers"][0]) == {"targetGroupArn", "containerName", "containerPort"}
    assert rule.inputs["actions"] == [{"type": "forward", "targetGroupArn": f"{_ARN}targetgroup/api/0123456789abcdef"}]
    assert rule.ignore_changes == set()
    assert len(list(program.of_type("aws:lb/targetGroup:TargetGroup"))) == 1
    assert {role.name for role in program.of_type(_ROLE)} == {"api-task", "api-execution"}
    assert "strategy" not in one(program, _DEPLOYMENT, "api").inputs["configuration"]["deploymentConfiguration"]


@pytest.mark.parametrize(
    ("strategy", "declared", "told"),
    [
        (
            BlueGreen(bake_minutes=7),
            {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "7"},
            {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 7, "lifecycleHooks": []},
        ),
        (
            Linear(step_percent=33.3, step_bake_minutes=2, bake_minutes=3),
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "3",
                "linearConfiguration": {"stepPercent": 33.3, "stepBakeTimeInMinutes": "2"},
            },
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": 3,
                "lifecycleHooks": [],
                "linearConfiguration": {"stepPercent": 33.3, "stepBakeTimeInMinutes": 2},
            },
        ),
        (
            Canary(percent=5, canary_bake_minutes=4, bake_minutes=0),
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "0",
                "canaryConfiguration": {"canaryPercent": 5, "canaryBakeTimeInMinutes": "4"},
            },
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": 0,
                "lifecycleHooks": [],
                "canaryConfiguration": {"canaryPercent": 5, "canaryBakeTimeInMinutes": 4},
            },
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "",
)
@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_passes_the_same_strategy_to_provider_and_ecs(
    strategy: BlueGreen | Linear | Canary, declared: dict[str, Any], told: dict[str, Any], computed: bool
) -> None:
    """The deployment after a rollback uses another strategy than the declared one."""
    program = _declare(Service(strategy=strategy), computed=computed)
    assert one(program, _SERVICE, "api").inputs["deploymentConfiguration"] == declared
    configuration = one(program, _DEPLOYMENT, "api").inputs["configuration"]["deploymentConfiguration"]
    assert {key: configuration[key] for key in told} == told
    assert configuration["alarms"]["enable"] is True


def test_moves_requests_between_two_target_groups(canary: Program) -> None:
    """ECS refuses the service, or the next `pulumi up` undoes the shift of requests that ECS made."""
    groups = [f"{_ARN}targetgroup/{name}/0123456789abcdef" for name in ("api", "api-b")]
    rule = one(canary, _RULE, "api")
    assert rule.inputs["actions"] == [
        {
            "type": "forward",
            "forward": {"targetGroups": [{"arn": groups[0], "weight": 100}, {"arn": groups[1], "weight": 0}]},
        }
    ]
    assert rule.ignore_changes == {"actions"}
    advanced = {
        "alternateTargetGroupArn": groups[1],
        "productionListenerRule": rule.outputs["arn"],
        "roleArn": "arn:aws:iam::000000000000:role/api-balancing",
    }
    service = one(canary, _SERVICE, "api")
    assert service.inputs["loadBalancers"] == [
        {
            "targetGroupArn": groups[0],
            "containerName": "api",
            "containerPort": 8080,
            "advancedConfiguration": advanced,
        }
    ]
    told = one(canary, _DEPLOYMENT, "api").inputs["configuration"]
    assert told["loadBalancers"] == service.inputs["loadBalancers"]
    first, second = (one(canary, "aws:lb/targetGroup:TargetGroup", name).inputs for name in ("api", "api-b"))
    assert first == second
    assert {"RolePolicy api-balancing", "RolePolicy api-hooks"} <= dependencies(canary, service)


def test_sends_ecs_valid_parameters(canary: Program) -> None:
    """`pulumi up` after a rollback fails with a parameter error."""
    told = {**one(canary, _DEPLOYMENT, "api").inputs["configuration"]}
    shape = boto3.Session(region_name="us-east-1").client("ecs").meta.service_model.operation_model("UpdateService")
    # As the check passes the configuration: JSON's numbers, whole ones as integers.
    request = json.loads(
        json.dumps(told), parse_float=lambda text: int(float(text)) if text.endswith(".0") else float(text)
    )
    report = ParamValidator().validate({"service": "api", **request}, shape.input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("existing", [False, True], ids=["own listener", "existing listener"])
def test_ecs_may_change_only_this_rule_and_these_targets(existing: bool) -> None:
    """A role that ECS uses may move the requests of every team at the load balancer."""
    program = _declare(Service(strategy=BlueGreen()), load_balancer=EXISTING if existing else None)
    statements = {
        (*statement["Action"],): statement["Resource"] for statement in policy(program, "api-balancing")["Statement"]
    }
    describe = ("DescribeListeners", "DescribeRules", "DescribeTargetGroups", "DescribeTargetHealth")
    listener = one(program, _RULE, "api").inputs["listenerArn"]
    assert statements.pop(tuple(f"elasticloadbalancing:{action}" for action in describe)) == "*"
    assert statements == {
        ("elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"): (
            f"{_ARN}targetgroup/api-b/0123456789abcdef"
        ),
        ("elasticloadbalancing:ModifyListener",): listener,
        ("elasticloadbalancing:ModifyRule",): one(program, _RULE, "api").outputs["arn"],
    }
    of_targets = [each["Resource"] for each in policy(program, "api-balancing")["Statement"][1:3]]
    assert of_targets == [f"{_ARN}targetgroup/{name}/0123456789abcdef" for name in ("api", "api-b")]


def test_ecs_may_invoke_only_the_hooks_functions(canary: Program) -> None:
    """A role that ECS uses may invoke any function of the account, or exists in a service without functions."""
    assert policy(canary, "api-hooks")["Statement"] == [
        {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": _FUNCTION}
    ]
    assert "api-hooks" not in {
        role.name for role in _declare(Service(strategy=BlueGreen(hooks=[Pause()]))).of_type(_ROLE)
    }


@pytest.mark.parametrize("name", ["api-balancing", "api-hooks"])
def test_trusts_ecs_of_this_account_only(canary: Program, name: str) -> None:
    """ECS may use the role on behalf of another account."""
    (statement,) = json.loads(one(canary, _ROLE, name).inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "ecs.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "000000000000"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:000000000000:*"},
    }


def test_keeps_to_the_path_and_boundary_of_the_environment() -> None:
    """In an organisation that lets a team create only limited roles, the update fails halfway."""
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    strategy = BlueGreen(hooks=[LambdaHook(function_arn=_FUNCTION)])
    program = _declare(Service(strategy=strategy), role_path="/teams/", permissions_boundary_arn=boundary)
    for role in program.of_type(_ROLE):
        assert (role.inputs["path"], role.inputs["permissionsBoundary"]) == ("/teams/", boundary)


def test_declares_hooks_in_the_form_of_ecs(canary: Program) -> None:
    """ECS never calls the hook, or continues by itself although nobody has answered."""
    assert one(canary, _SERVICE, "api").inputs["deploymentConfiguration"]["lifecycleHooks"] == [
        {
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_SCALE_UP"],
            "timeoutConfiguration": {"timeoutInMinutes": "60", "action": "ROLLBACK"},
        },
        {
            "targetType": "AWS_LAMBDA",
            "hookTargetArn": _FUNCTION,
            "roleArn": "arn:aws:iam::000000000000:role/api-hooks",
            "lifecycleStages": ["POST_SCALE_UP"],
        },
    ]


def test_watches_both_target_groups(canary: Program) -> None:
    """After the first deployment, the alarms watch a target group without tasks: they fire for no reason, or
    never fire.
    """
    expressions = {}
    for kind in ("errors", "latency", "unhealthy", "tasks"):
        queries = one(canary, _ALARM, f"api-{kind}").inputs["metricQueries"]
        expressions[kind] = queries[0]["expression"]
        watched = {query["metric"]["dimensions"]["TargetGroup"] for query in queries[1:]}
        assert watched == {"targetgroup/api/0123456789abcdef", "targetgroup/api-b/0123456789abcdef"}
        for query in queries[1:]:
            assert query["id"] in expressions[kind]
    assert expressions["latency"] == expressions["unhealthy"] == "MAX([FILL(group0, 0), FILL(group1, 0)])"
    assert expressions["tasks"] == "FILL(group0, 0) + FILL(group1, 0)"
    assert expressions["errors"].startswith("MAX([100 * ")
    body = one(canary, "aws:cloudwatch/dashboard:Dashboard", "api").inputs["dashboardBody"]
    assert "targetgroup/api/0123456789abcdef" in body
    assert "targetgroup/api-b/0123456789abcdef" in body


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BlueGreen(bake_minutes=1441), "BlueGreen: bake_minutes is 1441; use 0 to 1440"),
        (lambda: Linear(step_percent=2), "Linear: step_percent is 2; use 3.0 to 100 percent"),
        (lambda: Linear(step_percent=3.33), "step_percent is 3.33; use at most one decimal"),
        (lambda: Canary(percent=0), "Canary: percent is 0; use 0.1 to 100 percent"),
        (lambda: Canary(canary_bake_minutes=-1), "canary_bake_minutes is -1; use 0 to 1440"),
        (lambda: Pause(at="BAKE_TIME"), "Pause: at is 'BAKE_TIME'; use PRE_SCALE_UP, POST_SCALE_UP"),  # type: ignore[arg-type]
        (lambda: Pause(timeout_minutes=0), "timeout_minutes is 0; use 1 to 20160"),
        (lambda: LambdaHook(function_arn="judge"), "LambdaHook: function_arn is 'judge'; give an ARN such as"),
        (
            lambda: Service(strategy=Linear(step_percent=5)),
            "Service: strategy bakes for 100 minutes, but deployment_timeout is 1800 seconds; raise it",
        ),
        (
            lambda: Service(strategy=BlueGreen(), scaling=Scaling(max_tasks=4, requests=100)),
            "strategy does not work with scaling by requests",
        ),
        (
            lambda: _declare(Service(strategy=BlueGreen()), alarms=Alarms(topic_arn=TOPIC_ARN)),
            "api: run has a strategy, but nothing that checks the new tasks: give it hooks, or",
        ),
        (
            lambda: _declare(Service(strategy=BlueGreen()), name="a" * 23),
            "run has a strategy, which needs a name of at most 22 characters",
        ),
    ],
)
def test_refuses_strategies_that_could_not_be_deployed(make: Any, message: str) -> None:
    """AWS refuses the service in the middle of an update, or the bake time is longer than `pulumi up` waits."""
    with pytest.raises(InvalidArguments) as refused:
        make()
    assert message in str(refused.value)


@pytest.mark.parametrize("strategy", [BlueGreen(), Linear(), Canary()])
def test_bakes_within_the_default_timeout(strategy: BlueGreen | Linear | Canary) -> None:
    """The shortest example in the documentation is refused."""
    assert Service(strategy=strategy).strategy is strategy


def test_refuses_a_function_of_another_region() -> None:
    """ECS refuses the service after everything else is created."""
    hook = LambdaHook(function_arn=_FUNCTION.replace("us-east-1", "eu-west-1"))
    with pytest.raises(ValueError, match=r"LambdaHook: function_arn is .*eu-west-1.*, but this stack is in us-east-1"):
        _declare(Service(strategy=BlueGreen(hooks=[hook])))
