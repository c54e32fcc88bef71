"""A dynamic provider as Pulumi's engine runs it: a process of its own, called over gRPC. A local server stands
for AWS.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tests.evaluation import ROOT
from tests.serving.threads import in_thread

Provider = provider_pb2_grpc.ResourceProviderStub

_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{0}:user/deployer</Arn><UserId>AIDA</UserId><Account>{0}</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


class FakeAws:
    """Answers the HTTP APIs of ECS, CloudWatch Logs and Systems Manager on 127.0.0.1.

    answer: gives the response to an action and its request; a response with `__type` is an error. account: the caller's
    account in STS's response; `calls` leaves out calls of STS. keys: the IDs of the access keys that signed the
    requests.
    """

    def __init__(
        self, answer: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], account: str = "000000000000"
    ) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.keys: set[str] = set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received = self.rfile.read(int(self.headers["Content-Length"]))
                fake.keys.add(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
                if "X-Amz-Target" not in self.headers:  # STS speaks the query protocol.
                    self._send(200, _IDENTITY.format(account).encode())
                    return
                body = json.loads(received)
                action = self.headers["X-Amz-Target"].rpartition(".")[2]
                fake.calls.append((action, body))
                answer_ = answer(action, body)
                self._send(400 if "__type" in answer_ else 200, json.dumps(answer_).encode())

            def _send(self, status: int, answered: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answered)))
                self.end_headers()
                self.wfile.write(answered)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def called(self, action: str) -> list[dict[str, Any]]:
        return [body for called, body in self.calls if called == action]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The provider process, and the engine's side of the connection."""

    process: subprocess.Popen[bytes]
    provider: Provider


@contextmanager
def start_engine(fake: FakeAws, *, settings: Mapping[str, Any] | None = None, **variables: str) -> Iterator[Engine]:
    """Starts `pulumi-resource-pulumi-python` in the project's folder, with the configuration that the engine gives it.

    settings: the stack's settings, by full key. variables: additional environment variables of the process.
    """
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{fake.server.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": os.devnull,
        **variables,
    }
    # Under a shell's `&`, as in some CI, SIGINT is ignored, and children inherit this; the engine's children do not.
    program = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        " runpy.run_module('pulumi.dynamic', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-u", "-c", program]
    with (
        in_thread(fake.server),
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process,
    ):
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                provider = Provider(channel)
                args = asyncio.run(rpc.serialize_properties(dict(settings or {}), {}))
                provider.Configure(provider_pb2.ConfigureRequest(args=args))
                yield Engine(process=process, provider=provider)
        finally:
            process.kill()
