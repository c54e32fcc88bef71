"""Evaluating a program: what an error reports, and what is left afterwards."""

import asyncio
import gc
from pathlib import Path

import pytest

from declared.errors import ProgramError
from tests.evaluation import declare, evaluate, evaluate_in, write_program

_FAILING = """\
import pulumi

from components import Environment, KeyspacesMicroservice, Service, Table, read

KeyspacesMicroservice(
    "things-api",
    environment=Environment("shop", keyspace="shop"),
    tables=[
        read(
            Table(
                name="things",
                columns={"id": "text"},
                partition_key=["id"],
                kms_key_arn=pulumi.Output.from_input("arn:aws:kms:eu-west-1:123456789012:key/1234abcd"),
            )
        )
    ],
    dockerfile="app/countries.Dockerfile",
    command=["serve"],
    run=Service(),
)
"""


def test_reports_an_output_that_fails_in_one_sentence(tmp_path: Path) -> None:
    """The mistake would follow a line for each resource that depends on it."""
    with pytest.raises(ProgramError) as error:
        evaluate_in(write_program(tmp_path, _FAILING))
    assert str(error.value) == (
        "Table: kms_key_arn is 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd', but this stack is in us-east-1: "
        "give one of that region"
    )


def test_reports_the_error_that_a_program_raises_instead_of_another(tmp_path: Path) -> None:
    """A program could not explain a missing setting in its own words."""
    source = """\
import pulumi

try:
    pulumi.Config().require("owner")
except pulumi.ConfigMissingError as error:
    raise ValueError("say which team owns this stack") from error
"""
    with pytest.raises(ProgramError, match=r"ValueError: say which team owns this stack$"):
        evaluate_in(write_program(tmp_path, source))


def test_closes_every_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make up` evaluates the program at each edit, and would run out of file descriptors after some hundred edits."""
    made: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def recorded() -> asyncio.AbstractEventLoop:
        made.append(new_event_loop())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", recorded)
    evaluate()
    assert made and all(loop.is_closed() for loop in made)


def test_logs_no_traceback_of_resources_that_depend_on_the_failed_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Thousands of lines would follow the sentence that says what is wrong."""
    with pytest.raises(ProgramError, match="give one of that region"):
        evaluate_in(write_program(tmp_path, _FAILING))
    gc.collect()
    assert not [record.getMessage() for record in caplog.records if record.name == "asyncio"]


def test_logs_errors_that_nothing_awaits(caplog: pytest.LogCaptureFixture) -> None:
    """A program's own callback or task that fails would fail without a trace."""

    def fail() -> None:
        raise RuntimeError("the callback failed")

    def run() -> None:
        asyncio.get_running_loop().call_soon(fail)

    declare(run)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["the callback failed"]
