"""The one-off task's provider as Pulumi's engine runs it: a process of its own, spoken to by gRPC, ended by SIGINT."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components.task_run import TaskRunProvider
from tests.components.test_task_run import CLUSTER, PROPS, TASK
from tests.evaluation import ROOT

Provider = provider_pb2_grpc.ResourceProviderStub


class FakeEcs:
    """Answers ECS's HTTP API on 127.0.0.1; the task keeps running until it is told to stop or `exit_code` is set."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.exit_code: int | None = None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                action = self.headers["X-Amz-Target"].rpartition(".")[2]
                fake.calls.append((action, body))
                answer = json.dumps(fake.answer(action)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, action: str) -> dict[str, Any]:
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

    def called(self, action: str) -> list[dict[str, Any]]:
        return [body for called, body in self.calls if called == action]


class Engine:
    """The provider process, and the engine's end of the wire."""

    def __init__(self, process: subprocess.Popen[bytes], provider: Provider, ecs: FakeEcs) -> None:
        self.process = process
        self.provider = provider
        self.ecs = ecs


@contextmanager
def start_engine() -> Iterator[Engine]:
    """What `pulumi-resource-pulumi-python` starts in the project's folder."""
    ecs = FakeEcs()
    thread = threading.Thread(target=ecs.server.serve_forever)
    thread.start()
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ecs.server.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": os.devnull,
    }
    # Under a shell's `&`, as in some CI, SIGINT is ignored, and children inherit that; the engine's do not.
    program = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        " runpy.run_module('pulumi.dynamic', run_name='__main__')"
    )
    command = [sys.executable, "-u", "-c", program]
    try:
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                port = int(process.stdout.readline())
                with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                    yield Engine(process, Provider(channel), ecs)
            finally:
                process.kill()
    finally:
        ecs.server.shutdown()
        ecs.server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def running_engine() -> Iterator[Engine]:
    with start_engine() as engine:
        yield engine


@pytest.fixture
def engine(running_engine: Engine) -> Engine:
    running_engine.ecs.calls.clear()
    running_engine.ecs.exit_code = None
    return running_engine


def properties(**changes: Any) -> Any:
    serialized = serialize_provider(TaskRunProvider())
    props = {**PROPS, "__provider": serialized, **changes}
    return asyncio.run(rpc.serialize_properties(props, {}))


def test_runs_the_task_from_a_pickled_provider(engine: Engine) -> None:
    """The engine knows the provider only by what is in the state: it must load from there, in another process."""
    engine.ecs.exit_code = 0
    created = engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties()))
    assert created.id == TASK
    assert created.properties["task_arn"] == TASK
    (request,) = engine.ecs.called("RunTask")
    # Without it, a retry after a lost answer would start a second task.
    assert request["clientToken"]


def test_reports_a_failure_in_words(engine: Engine) -> None:
    """What a user sees of a failed run is what comes over this wire."""
    engine.ecs.exit_code = 3
    with pytest.raises(grpc.RpcError, match="exit code 3"):
        engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties()))


def test_shows_a_new_run_in_a_preview_with_an_unknown_task_definition(engine: Engine) -> None:
    """When the image is about to be built its digest is unknown, and so is the task definition."""
    news = properties(task_definition=rpc.UNKNOWN)
    request = provider_pb2.DiffRequest(id=TASK, urn="urn", olds=properties(task_arn=TASK), news=news)
    assert list(engine.provider.Diff(request).replaces) == ["task_definition"]


def test_shows_no_change_when_nothing_changed(engine: Engine) -> None:
    """Numbers become floats and None vanishes on the way through the engine; neither is a change."""
    request = provider_pb2.DiffRequest(
        id=TASK, urn="urn", olds=properties(task_arn=TASK, timeout=600.0), news=properties(timeout=600, task_arn=None)
    )
    assert engine.provider.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_pickles_by_name_only() -> None:
    """By value, every edit of the provider's code would run the task again."""
    assert len(serialize_provider(TaskRunProvider())) < 200


def test_stops_the_task_when_interrupted() -> None:
    """On the second Ctrl-C the engine interrupts the provider; a task that went on would write to the table unseen."""
    with start_engine() as engine:
        ecs = engine.ecs
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
