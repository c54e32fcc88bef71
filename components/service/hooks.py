"""Lifecycle hooks: at a stage of a deployment that moves requests, ECS waits for a person or calls a Lambda
function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from components.arguments import none_of, outside, raise_for
from components.arns import ArnForm

Stage = Literal["PRE_SCALE_UP", "POST_SCALE_UP", "POST_PRODUCTION_TRAFFIC_SHIFT"]
OnTimeout = Literal["ROLLBACK", "CONTINUE"]

FUNCTION = ArnForm(
    pattern=re.compile(
        r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?"
    ),
    example="arn:aws:lambda:us-east-1:123456789012:function:judge",
)


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Waits at a stage until somebody calls ContinueServiceDeployment; `pulumi up` writes the command.

    at: `PRE_SCALE_UP`: before new tasks start; `POST_SCALE_UP`: the new tasks run, but get no requests yet;
    `POST_PRODUCTION_TRAFFIC_SHIFT`: they get all requests.
    timeout_minutes: how long ECS waits, 1 to 20160. on_timeout: its action then, `ROLLBACK` or `CONTINUE`.
    `pulumi up` waits as well, for `deployment_timeout` at most; the next `pulumi up` goes on waiting.

    Raises InvalidArguments.
    """

    at: Stage = "POST_SCALE_UP"
    timeout_minutes: int = 60
    on_timeout: OnTimeout = "ROLLBACK"

    def __post_init__(self) -> None:
        raise_for(
            "Pause",
            {
                "at": none_of(self.at, Stage),
                "timeout_minutes": outside(self.timeout_minutes, 1, 20_160),
                "on_timeout": none_of(self.on_timeout, OnTimeout),
            },
        )


@dataclass(frozen=True, kw_only=True)
class LambdaHook:
    """Calls a Lambda function at a stage. The function returns `{"hookStatus": "SUCCEEDED"}`, or `FAILED` for a
    rollback, or `IN_PROGRESS` to be called again (ECS developer guide, "Lifecycle hooks for Amazon ECS service
    deployments").

    function_arn: of a function, a version or an alias, in the stack's region. at: see `Pause`.

    Raises InvalidArguments.
    """

    function_arn: pulumi.Input[str]
    at: Stage = "POST_SCALE_UP"

    def __post_init__(self) -> None:
        raise_for("LambdaHook", {"function_arn": FUNCTION.mistake(self.function_arn), "at": none_of(self.at, Stage)})


Hook = Pause | LambdaHook


def hook_for_service(hook: Hook, role_arn: pulumi.Input[str] | None) -> dict[str, Any]:
    """One of `lifecycle_hooks` of aws.ecs.Service. role_arn: the role with which ECS calls functions."""
    if isinstance(hook, LambdaHook):
        return {
            "target_type": "AWS_LAMBDA",
            "hook_target_arn": hook.function_arn,
            "role_arn": role_arn,
            "lifecycle_stages": [hook.at],
        }
    return {
        "target_type": "PAUSE",
        "lifecycle_stages": [hook.at],
        "timeout_configuration": {"timeout_in_minutes": str(hook.timeout_minutes), "action": hook.on_timeout},
    }


def hook_for_update(hook: Hook, role_arn: pulumi.Input[str] | None) -> dict[str, Any]:
    """The same for UpdateService's `lifecycleHooks`."""
    if isinstance(hook, LambdaHook):
        return {
            "targetType": "AWS_LAMBDA",
            "hookTargetArn": hook.function_arn,
            "roleArn": role_arn,
            "lifecycleStages": [hook.at],
        }
    return {
        "targetType": "PAUSE",
        "lifecycleStages": [hook.at],
        "timeoutConfiguration": {"timeoutInMinutes": hook.timeout_minutes, "action": hook.on_timeout},
    }
