"""The one-off task's provider as Pulumi's engine runs it: a process of its own, called over gRPC, ended by SIGINT."""

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from components.once.task_run import TaskRunProvider
from tests.components.engine import Engine, FakeAws, start_engine
from tests.components.task_runs import CLUSTER, PROPS, TASK


class FakeEcs(FakeAws):
    """The task keeps running until it is told to stop or `exit_code` is set."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.exit_code: int | None = None

    def _answer(self, action: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
        done = self.exit_code is not None or self.called("StopTask")
        containers = [{"name": "load-countries", **({} if self.exit_code is None else {"exitCode": self.exit_code})}]
        task = {"taskArn": TASK, "lastStatus": "STOPPED" if done else "RUNNING", "containers": containers}
        answers: dict[str, dict[str, Any]] = {
            "ListTasks": {"taskArns": []},
            "RunTask": {"tasks": [{"taskArn": TASK}], "failures": []},
            "DescribeTasks": {"tasks": [task], "failures": []},
            "StopTask": {"task": {}},
            "GetLogEvents": {"events": [{"message": "boom"}]},
        }
        return answers[action]


@pytest.fixture(scope="module")
def ecs() -> FakeEcs:
    return FakeEcs()


@pytest.fixture(scope="module")
def running_engine(ecs: FakeEcs) -> Iterator[Engine]:
    with start_engine(ecs) as engine:
        yield engine


@pytest.fixture
def engine(running_engine: Engine, ecs: FakeEcs) -> Engine:
    ecs.calls.clear()
    ecs.exit_code = None
    return running_engine


def properties(**changes: Any) -> Any:
    serialized = serialize_provider(TaskRunProvider())
    props = {**PROPS, "__provider": serialized, **changes}
    return asyncio.run(rpc.serialize_properties(props, {}))


def test_runs_the_task_from_a_pickled_provider(engine: Engine, ecs: FakeEcs) -> None:
    """The task does not run: the engine loads the provider from the state only, in another process."""
    ecs.exit_code = 0
    created = engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties()))
    assert created.id == TASK
    assert created.properties["task_arn"] == TASK
    (request,) = ecs.called("RunTask")
    # Without the client token, a retry after a lost response would start a second task.
    assert request["clientToken"]


def test_reports_a_failure_with_its_reason(engine: Engine, ecs: FakeEcs) -> None:
    """A user does not see the reason of a failed run: the engine shows only what the provider sends over gRPC."""
    ecs.exit_code = 3
    with pytest.raises(grpc.RpcError, match="exit code 3"):
        engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties()))


def test_shows_a_new_run_in_a_preview_with_an_unknown_task_definition(engine: Engine) -> None:
    """A preview fails or hides the run, since a new image's digest and its task definition are not known yet."""
    news = properties(task_definition=rpc.UNKNOWN)
    request = provider_pb2.DiffRequest(id=TASK, urn="urn", olds=properties(task_arn=TASK), news=news)
    assert list(engine.provider.Diff(request).replaces) == ["task_definition"]


def test_shows_no_change_when_nothing_changed(engine: Engine) -> None:
    """Every `pulumi up` shows a change, since on the way through the engine numbers become floats and None vanishes."""
    request = provider_pb2.DiffRequest(
        id=TASK, urn="urn", olds=properties(task_arn=TASK, timeout=600.0), news=properties(timeout=600, task_arn=None)
    )
    assert engine.provider.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_pickles_by_name_only() -> None:
    """Every edit of the provider's code runs the task again, since the pickle contains the code."""
    assert len(serialize_provider(TaskRunProvider())) < 200


def test_stops_the_task_when_interrupted() -> None:
    """After the second Ctrl-C, which interrupts the provider, the task continues to write to the table unseen."""
    ecs = FakeEcs()
    with start_engine(ecs) as engine:
        request = provider_pb2.CreateRequest(urn="urn", properties=properties())
        pending = engine.provider.Create.future(request)
        _until(lambda: bool(ecs.called("DescribeTasks")))
        engine.process.send_signal(signal.SIGINT)
        assert engine.process.wait(30) == 0
        assert pending.exception() is not None
    (stopped,) = ecs.called("StopTask")
    assert (stopped["cluster"], stopped["task"]) == (CLUSTER, TASK)


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
