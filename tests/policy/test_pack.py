"""The pack as a process, started and called as the Pulumi CLI does it."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from rules import POLICIES
from tests.policy.validation import UNKNOWN
from tests.processes import ROOT

PACK = ROOT / "policy"
_STARTS_WITHIN = 60.0


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """Starts the pack with the command, folder and variables of the Pulumi CLI, without an engine.

    Source: pulumi/pulumi, `sdk/python/cmd/pulumi-language-python/main.go`, RunPlugin: `python -u -m pulumi.policy
    <engine's address> <pack's folder>`; the pack writes the port on which it listens. Nothing listens at the engine's
    address.
    """
    errors = tmp_path_factory.mktemp("pack") / "errors.txt"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)],
            cwd=PACK,
            env={
                "PATH": os.defpath,
                "PULUMI_PROJECT": "keyspaces-platform",
                "PULUMI_STACK": "prod",
                "PULUMI_DRY_RUN": "true",
            },
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            assert port.isdigit(), errors.read_text()
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=_STARTS_WITHIN)
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.terminate()


def _properties(**values: Any) -> struct_pb2.Struct:
    properties = struct_pb2.Struct()
    properties.update(values)
    return properties


def _ask(analyzer: Any, type_: str, name: str = "thing", **inputs: Any) -> dict[str, analyzer_pb2.AnalyzeDiagnostic]:
    response = analyzer.Analyze(
        analyzer_pb2.AnalyzeRequest(
            type=type_,
            name=name,
            urn=f"urn:pulumi:prod::keyspaces-platform::{type_}::{name}",
            properties=_properties(**inputs),
            options=analyzer_pb2.AnalyzerResourceOptions(),
        ),
        timeout=30,
    )
    return {diagnostic.policyName: diagnostic for diagnostic in response.diagnostics}


def test_starts_with_every_rule(analyzer: Any) -> None:
    """`pulumi preview --policy-pack policy` fails with the message that the pack failed to start."""
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty(), timeout=30)
    assert info.name == "keyspaces-platform"
    assert info.supportsConfig
    assert [policy.name for policy in info.policies] == [policy.name for policy in POLICIES]
    schemas = {policy.name: set(policy.configSchema.properties) for policy in info.policies}
    assert schemas["production-keeps-logs"] == {"productionStacks", "minimumDays"}


def test_refuses_violation_over_the_wire(analyzer: Any) -> None:
    """The rules work in tests, but refuse nothing in a real preview."""
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
    found = _ask(analyzer, "aws:iam/rolePolicy:RolePolicy", "orders", role="orders", policy=policy)
    assert found.keys() == {"iam-names-actions", "iam-names-resources"}
    refused = found["iam-names-actions"]
    assert refused.enforcementLevel == analyzer_pb2.MANDATORY
    assert "\norders: statement 1 allows s3:*" in refused.message


def test_recognizes_production_by_the_stacks_name_over_the_wire(analyzer: Any) -> None:
    """The rules for production never apply."""
    found = _ask(
        analyzer,
        "aws:cloudwatch/logGroup:LogGroup",
        retentionInDays=7,
        tags={"Project": "keyspaces-platform", "Stack": "prod"},
    )
    assert found.keys() == {"production-keeps-logs"}
    assert "for 7 days" in found["production-keeps-logs"].message


def test_ignores_unknown_values_over_the_wire(analyzer: Any) -> None:
    """The first preview of a stack is full of warnings that nobody can act on."""
    assert _ask(analyzer, "aws:iam/rolePolicy:RolePolicy", role=UNKNOWN, policy=UNKNOWN) == {}


def test_judges_whole_stack_over_the_wire(analyzer: Any) -> None:
    """A bucket without a public access block is deployed."""
    urn = "urn:pulumi:prod::keyspaces-platform::aws:s3/bucket:Bucket::logs"
    bucket = analyzer_pb2.AnalyzerResource(
        type="aws:s3/bucket:Bucket", name="logs", urn=urn, properties=_properties(bucket="logs")
    )
    response = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[bucket]), timeout=30)
    assert [(found.policyName, found.urn) for found in response.diagnostics] == [("buckets-block-public-access", urn)]


def test_receives_settings_over_the_wire(analyzer: Any) -> None:
    """A user's --policy-pack-config has no effect."""
    analyzer.Configure(
        analyzer_pb2.ConfigureAnalyzerRequest(
            policyConfig={
                "resources-are-tagged": analyzer_pb2.PolicyConfig(
                    enforcementLevel=analyzer_pb2.ADVISORY, properties=_properties(requiredTags=["CostCenter"])
                )
            }
        ),
        timeout=30,
    )
    found = _ask(analyzer, "aws:sns/topic:Topic", tags={})["resources-are-tagged"]
    assert "no tag CostCenter:" in found.message
    assert found.enforcementLevel == analyzer_pb2.ADVISORY


def test_imports_only_its_own_requirements() -> None:
    """The pack does not start, since its own virtual environment lacks the program's packages."""
    for file in sorted((*PACK.glob("*.py"), *(PACK / "rules").glob("*.py"))):
        assert _imported(file) - sys.stdlib_module_names <= {"pulumi_policy", "rules"}, file


def _imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_is_tested_with_the_packages_it_runs_with() -> None:
    """A preview runs another version of the policy SDK than these tests."""
    assert _pins(PACK / "requirements.txt").items() <= _pins(ROOT / "requirements-dev.txt").items()


def _pins(file: Path) -> dict[str, str]:
    return {match[1]: match[2] for match in re.finditer(r"^([\w.-]+)==(.+)$", file.read_text(), re.MULTILINE)}


def test_passes_the_environments_path_to_the_cli() -> None:
    """The CLI runs the pack with the first Python on the PATH, which may lack the pack's packages."""
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
