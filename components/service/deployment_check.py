"""Finds the requested deployment of an ECS service and follows it to its end: the calls of `Deployment`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NoReturn

from components.aws_errors import AWS_ERRORS, ResourceFailed, in_words
from components.connection import SignIn, session_from
from components.service.circuit_breaker import thresholds_of
from components.service.deployment_report import report
from components.service.service_state import Deployment, ServiceState, has_failed, is_completed, is_older
from components.tasks.interruption import pause
from components.tasks.stopped_task import ContainerLog

POLL_SECONDS = 5.0
# How long DescribeServices may show an earlier state: ECS's API is eventually consistent.
SETTLE_SECONDS = 15.0


class DeploymentFailed(ResourceFailed):
    """The service does not run the requested deployment; the message says why and what to do."""


class DeploymentCheck:
    """props: the inputs of a `Deployment`. sign_in: the credentials to call AWS with.

    outdated: the id of a deployment of the same task definition that is not the requested one.
    """

    def __init__(self, props: Mapping[str, Any], sign_in: SignIn, outdated: str | None = None) -> None:
        self._props = props
        self._task_definition: str = props["task_definition"]
        self._configuration: dict[str, Any] = _whole(props["configuration"])
        told = _whole(props.get("circuit_breaker") or {})
        self._thresholds = thresholds_of(told)
        if told:
            wanted = self._configuration["deploymentConfiguration"]
            self._configuration["deploymentConfiguration"] = self._with_thresholds(wanted)
        self._outdated = outdated
        session = session_from(props["connection"], sign_in)
        self._ecs = session.client("ecs")
        self._logs = session.client("logs")
        self._deadline = time.monotonic() + float(props["timeout"])
        self._known_events: set[str] | None = None

    def run(self) -> str:
        """Returns the completed deployment's id. Raises DeploymentFailed."""
        state = self._settled()
        self._correct(state)
        deployment = self._requested(state)
        return self._follow(state, deployment) if deployment else self._deploy_again(state)

    def _settled(self) -> ServiceState:
        """The service, as soon as it shows a requested or a failed deployment; at the latest after SETTLE_SECONDS."""
        settled_at = self._settled_at()
        while True:
            last = time.monotonic() >= settled_at
            state = self._look(may_be_missing=not last)
            if last or self._requested(state) or state.lists_failed(self._task_definition):
                return state
            self._wait()

    def _settled_at(self) -> float:
        return time.monotonic() + SETTLE_SECONDS

    def _wait(self) -> None:
        pause(POLL_SECONDS)

    def _correct(self, state: ServiceState) -> None:
        """Sends ECS the settings that `aws.ecs.Service` does not send."""
        wanted = self._configuration["deploymentConfiguration"]
        desired_count = self._props.get("desired_count")  # the engine leaves out None
        changes: dict[str, Any] = {}
        if state.watches_alarms and not wanted["alarms"]["enable"]:
            changes["deploymentConfiguration"] = wanted
        if "strategy" not in wanted and not state.moves_requests and state.thresholds != self._thresholds:
            changes["deploymentConfiguration"] = self._with_thresholds(wanted)
        if desired_count is not None and state.desired_count != desired_count:
            changes["desiredCount"] = int(desired_count)
        if changes:
            self._ecs.update_service(cluster=self._props["cluster"], service=self._props["service"], **changes)

    def _with_thresholds(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """A `deploymentConfiguration` whose circuit breaker has the requested thresholds."""
        breaker = configuration.get("deploymentCircuitBreaker", {})
        return {**configuration, "deploymentCircuitBreaker": {**breaker, **self._thresholds}}

    def _requested(self, state: ServiceState) -> Deployment | None:
        primary = state.primary
        if primary is None or primary["taskDefinition"] != self._task_definition or has_failed(primary):
            return None
        if state.moves_requests:
            return None  # ECS keeps a removed strategy, whose deployments have no rolloutState
        if self._outdated and (primary["id"] == self._outdated or state.has_rolled_back_to(primary)):
            return None
        return primary

    def _deploy_again(self, state: ServiceState) -> str:
        state = self._tell_to_deploy(state)
        if state.primary is None:
            raise DeploymentFailed(f"{self._name}: {state.name} has no deployment; does it use rolling updates?")
        return self._follow(state, state.primary)

    def _tell_to_deploy(self, state: ServiceState) -> ServiceState:
        say(f"(service {state.name}) runs {_runs(state)}; it is told to deploy {_short(self._task_definition)}")
        configuration = dict(self._configuration)
        if state.moves_requests:  # ECS keeps a strategy that an update does not mention
            wanted = configuration["deploymentConfiguration"]
            configuration["deploymentConfiguration"] = {"strategy": "ROLLING", **wanted}
        try:
            described = self._ecs.update_service(
                cluster=self._props["cluster"],
                service=self._props["service"],
                taskDefinition=self._task_definition,
                forceNewDeployment=True,
                **configuration,
            )["service"]
        except AWS_ERRORS as error:
            raise DeploymentFailed(
                f"{self._headline(state)} is refused by ECS, and it still runs {_runs(state)}: {in_words(error)}"
            ) from error
        return ServiceState(described=described)

    def _follow(self, state: ServiceState, deployment: Deployment) -> str:
        settled_at = self._settled_at()
        gone = False
        while True:
            primary = state.primary
            deployment = state.deployment(deployment["id"]) or deployment
            if has_failed(deployment):
                self._fail(state, deployment)
            if primary is not None and primary["id"] == deployment["id"]:
                if is_completed(primary) or state.desired_count == 0:
                    return str(primary["id"])
                gone = False
            elif primary is not None and self._is_renewed(state, deployment, primary):
                deployment = primary
                continue
            elif primary is not None and time.monotonic() >= settled_at:
                if gone:  # gone at the last look, too, so this is not an outdated state
                    self._fail(state, deployment)
                gone = True
            if time.monotonic() >= self._deadline:
                self._give_up(state, deployment)
            self._wait()
            state = self._look()

    def _is_renewed(self, state: ServiceState, deployment: Deployment, primary: Deployment) -> bool:
        """Whether `primary`, which has replaced the deployment, is a new attempt at the same one."""
        return (
            primary["taskDefinition"] == self._task_definition
            and not is_older(primary, than=deployment)
            and not state.has_rolled_back_to(primary)
        )

    def _look(self, *, may_be_missing: bool = False) -> ServiceState:
        """The present state of the service. Writes its new events since the first look.

        may_be_missing: the service may be so new that ECS does not show it yet.
        """
        answer = self._ecs.describe_services(cluster=self._props["cluster"], services=[self._props["service"]])
        described = next(iter(answer["services"]), {"status": "MISSING"})
        if may_be_missing and described["status"] == "MISSING":
            return ServiceState(described=described)
        if described["status"] != "ACTIVE":
            raise DeploymentFailed(
                f"{self._name}: the service {self._props['service']} is {described['status']} in the cluster"
                f" {self._props['cluster']}. If it was deleted by hand, `pulumi up --refresh` creates it again."
            )
        state = ServiceState(described=described)
        known = self._known_events
        for event in state.events:
            if known is not None and event["id"] not in known:
                say(event["message"])
        self._known_events = {event["id"] for event in state.events} | (known or set())
        return state

    def _fail(self, state: ServiceState, deployment: Deployment) -> NoReturn:
        raise DeploymentFailed(
            f"{self._headline(state)} failed: {_outcome(state, deployment)}{self._report(state, deployment)}"
            f"\nFix the cause, then run `pulumi up` again: it deploys again. ({deployment['id']})"
        )

    def _give_up(self, state: ServiceState, deployment: Deployment) -> NoReturn:
        raise DeploymentFailed(
            f"{self._headline(state)} has not ended after {float(self._props['timeout']):.0f} s:"
            f" {deployment.get('runningCount', 0)} of {state.desired_count} tasks run. ECS continues by itself."
            f"{self._report(state, deployment)}"
            f"\nFix the cause or raise the timeout, then run `pulumi up` again: it waits again. ({deployment['id']})"
        )

    def _headline(self, state: ServiceState) -> str:
        return f"{self._name}: the deployment of {_short(self._task_definition)} to the service {state.name}"

    def _report(self, state: ServiceState, deployment: Deployment) -> str:
        log = ContainerLog(
            group=self._props["log_group"],
            stream_prefix=self._props["log_stream_prefix"],
            container=self._props["container"],
        )
        return report(
            self._ecs, self._logs, cluster=self._props["cluster"], state=state, deployment=deployment, log=log
        )

    @property
    def _name(self) -> str:
        return str(self._props["container"])


def _outcome(state: ServiceState, deployment: Deployment) -> str:
    """Two sentences: the reason why a deployment failed, and the task definition that runs instead."""
    primary = state.primary
    reason = state.failure_of(deployment) or "ECS gives no reason."
    if primary is None or primary["id"] == deployment["id"]:
        return f"{reason} ECS starts no more tasks of it, and has not rolled back to an earlier deployment."
    if has_failed(deployment) or is_older(primary, than=deployment) or state.has_rolled_back_to(primary):
        return f"{reason} ECS {'has rolled' if is_completed(primary) else 'is rolling'} back to {_runs(state)}."
    return f"another deployment has replaced it. The service's task definition is {_runs(state)} now."


def _runs(state: ServiceState) -> str:
    return _short(state.primary["taskDefinition"]) if state.primary else "nothing"


def _short(task_definition: str) -> str:
    """`family:revision` of an ARN."""
    return task_definition.rpartition("/")[2]


def say(line: str) -> None:
    # One write for each line, since several checks may write at the same time.
    print(f"{line}\n", end="", flush=True)


def _whole(value: Any) -> Any:
    """`value` with whole numbers as int: the engine passes every number to a dynamic provider as a float."""
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
