"""Examples for rules/services.py."""

from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_BACK = "services-roll-back"
_PUBLIC = "production-tasks-have-no-public-ip"
_ROLLS_BACK = {"enable": True, "rollback": True}
_WITHOUT_HOOKS: list[tuple[str, dict[str, Any]]] = [
    ("BLUE_GREEN", {}),
    ("LINEAR", {"lifecycleHooks": []}),
    ("CANARY", {}),
]


def _service(stack: str = "prod", **inputs: Any) -> Given:
    return Given(type="aws:ecs/service:Service", inputs={"cluster": UNKNOWN, **inputs}, name="orders", stack=stack)


EXAMPLES = [
    Example(rule=_BACK, case="a circuit breaker", given=_service(deploymentCircuitBreaker=_ROLLS_BACK)),
    Example(
        rule=_BACK,
        case="alarms",
        given=_service(alarms={**_ROLLS_BACK, "alarmNames": [UNKNOWN]}),
    ),
    *(
        Example(rule=_BACK, case=f"{configuration}", given=_service(deploymentConfiguration=configuration, **inputs))
        for configuration, inputs in (
            ({"strategy": "ROLLING"}, {"deploymentCircuitBreaker": _ROLLS_BACK}),
            ({"strategy": "BLUE_GREEN"}, {"alarms": {**_ROLLS_BACK, "alarmNames": ["failing"]}}),
            ({"strategy": "CANARY", "lifecycleHooks": [{"hookTargetArn": UNKNOWN}]}, {}),
        )
    ),
    *(
        Example(
            rule=_BACK,
            case=f"{strategy} with a circuit breaker alone",
            given=_service(
                deploymentConfiguration={"strategy": strategy, **hooks},
                deploymentCircuitBreaker=_ROLLS_BACK,
                alarms={"enable": True, "rollback": False, "alarmNames": ["failing"]},
            ),
            says=("orders", strategy, "set alarms", "lifecycleHooks"),
        )
        for strategy, hooks in _WITHOUT_HOOKS
    ),
    Example(rule=_BACK, case="CodeDeploy", given=_service(deploymentController={"type": "CODE_DEPLOY"})),
    *(
        Example(
            rule=_BACK,
            case=f"circuit breaker {breaker}",
            given=_service(deploymentCircuitBreaker=breaker),
            says=("orders", "set deploymentCircuitBreaker with enable and rollback"),
        )
        for breaker in (None, {"enable": True, "rollback": False}, {"enable": False, "rollback": UNKNOWN})
    ),
    Example(
        rule=_PUBLIC,
        case="private",
        given=_service(networkConfiguration={"subnets": UNKNOWN, "assignPublicIp": False}),
    ),
    Example(rule=_PUBLIC, case="no network of its own", given=_service()),
    Example(
        rule=_PUBLIC,
        case="not in production",
        given=_service(stack="dev", networkConfiguration={"subnets": ["subnet-1"], "assignPublicIp": True}),
    ),
    Example(
        rule=_PUBLIC,
        case="public, in subnets not yet known",
        given=_service(networkConfiguration={"subnets": UNKNOWN, "assignPublicIp": True}),
        says=("orders", "public IP", "assignPublicIp"),
    ),
]
