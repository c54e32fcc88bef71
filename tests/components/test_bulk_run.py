"""The run of a bulk load: every way it can end, against botocore's model of the Glue and CloudWatch Logs APIs."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from components.bulk import job_execution
from components.bulk.job_execution import BulkLoadFailed
from components.bulk.job_run import BulkRunProvider, BulkStopProvider
from components.tasks.interruption import Interrupted

JOB, RUN = "fill-dev", "jr_0123456789abcdef"
PROPS: dict[str, Any] = {
    "job": JOB,
    "triggers": {"source": "s3://data/things/", "run": "1"},
    "timeout": 3600.0,
    "connection": {"region": "us-east-1", "account": "000000000000"},
}
SUMMARY = '{"table": "shop.things", "written": 10, "seconds": 2.0, "rows_a_second": 5}'


class Aws:
    """The two clients of a run, with the expected requests and their responses, in order."""

    def __init__(self) -> None:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        self.clients = {name: session.client(name) for name in ("glue", "logs")}
        self.glue, self.logs = Stubber(self.clients["glue"]), Stubber(self.clients["logs"])

    def client(self, name: str) -> Any:
        return self.clients[name]

    def lists(self, **states: str) -> None:
        runs = [{"Id": run, "JobRunState": state} for run, state in states.items()]
        self.glue.add_response("get_job_runs", {"JobRuns": runs}, {"JobName": JOB})

    def starts(self) -> None:
        self.glue.add_response("start_job_run", {"JobRunId": RUN}, {"JobName": JOB})

    def shows(self, state: str, run: str = RUN, **more: Any) -> None:
        described = {"Id": run, "JobRunState": state, "LogGroupName": "/aws-glue/jobs", **more}
        self.glue.add_response("get_job_run", {"JobRun": described}, {"JobName": JOB, "RunId": run})

    def stops(self, run: str = RUN) -> None:
        self.glue.add_response("batch_stop_job_run", {}, {"JobName": JOB, "JobRunIds": [run]})

    def logs_lines(self, kind: str, *lines: str) -> None:
        self.logs.add_response(
            "get_log_events",
            {"events": [{"message": line} for line in lines]},
            {"logGroupName": f"/aws-glue/jobs/{kind}", "logStreamName": RUN, "limit": ANY, "startFromHead": False},
        )


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    fake = Aws()
    monkeypatch.setattr(job_execution, "session_from", lambda *_: fake)
    monkeypatch.setattr(job_execution, "POLL_SECONDS", 0.0)
    with fake.glue, fake.logs:
        yield fake
        fake.glue.assert_no_pending_responses()
        fake.logs.assert_no_pending_responses()


def create(**changes: Any) -> Any:
    return BulkRunProvider().create({**PROPS, **changes})


def test_succeeds_with_the_counters_of_the_program(aws: Aws) -> None:
    """A user cannot see how many rows a load has written, or no update ever succeeds."""
    aws.lists()
    aws.starts()
    aws.shows("RUNNING")
    aws.shows("SUCCEEDED", DPUSeconds=120.0)
    aws.logs_lines("output", "something else", f"{SUMMARY}\n")
    result = create()
    assert result.id == RUN
    assert result.outs["summary"] == {
        "table": "shop.things",
        "written": 10,
        "seconds": 2.0,
        "rows_a_second": 5,
        "dpu_seconds": 120.0,
    }


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "ERROR", "STOPPED", "EXPIRED"])
def test_fails_with_glues_reason_and_the_last_lines(aws: Aws, state: str) -> None:
    """`pulumi up` succeeds although rows are missing, or does not name the row that Spark could not write."""
    aws.lists()
    aws.starts()
    aws.shows(state, ErrorMessage="SystemExit: s3://data/: has no row", ExecutionTime=61)
    aws.logs_lines("error", "one", "two")
    with pytest.raises(BulkLoadFailed) as failed:
        create()
    said = str(failed.value)
    assert said.startswith(f"fill-dev: the run ended as {state} after 61 s: SystemExit: s3://data/: has no row\n")
    assert "The last lines of its log:\n  one\n  two\nFix the cause" in said


def test_fails_although_its_log_cannot_be_read(aws: Aws) -> None:
    """A second error hides the reason for the failure."""
    aws.lists()
    aws.starts()
    aws.shows("FAILED", ErrorMessage="why")
    aws.logs.add_client_error("get_log_events", "AccessDeniedException", "no")
    with pytest.raises(BulkLoadFailed, match=r"FAILED after 0 s: why\nIts log could not be read: .*not allowed"):
        create()


def test_stops_a_run_that_takes_too_long(aws: Aws) -> None:
    """A job that hangs is billed by the second until somebody notices."""
    aws.lists()
    aws.starts()
    aws.shows("RUNNING")
    aws.stops()
    with pytest.raises(BulkLoadFailed, match="stopped because it had not ended after 0 s"):
        create(timeout=0.0)


def test_stops_the_run_when_the_update_is_ended(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the second Ctrl-C the job continues to write and to cost."""

    def interrupted(_: float) -> None:
        raise Interrupted("the update was cancelled")

    monkeypatch.setattr(job_execution, "pause", interrupted)
    aws.lists()
    aws.starts()
    aws.shows("RUNNING")
    aws.stops()
    with pytest.raises(Interrupted):
        create()


def test_waits_for_a_role_that_glue_cannot_assume_yet(aws: Aws) -> None:
    """The first update of a new stack fails, since a new IAM role is not visible to Glue at once."""
    aws.lists()
    aws.glue.add_client_error("start_job_run", "InvalidInputException", "Service is unable to assume the role")
    aws.starts()
    aws.shows("SUCCEEDED")
    aws.logs_lines("output", SUMMARY)
    assert create().outs["summary"]["written"] == 10


def test_stops_the_run_of_a_killed_update(aws: Aws) -> None:
    """Two runs write at the same time, and exceed the table's capacity together."""
    aws.lists(jr_old="RUNNING", jr_done="SUCCEEDED")
    aws.stops("jr_old")
    aws.shows("STOPPED", run="jr_old")
    BulkStopProvider().delete("id", PROPS)


def test_stops_nothing_when_the_job_does_not_exist(aws: Aws) -> None:
    """`pulumi destroy` fails after somebody has deleted the job by hand."""
    aws.glue.add_client_error("get_job_runs", "EntityNotFoundException", "no such job")
    BulkStopProvider().delete("id", PROPS)


def test_runs_again_for_another_trigger_only() -> None:
    """Every `pulumi up` loads everything again, or new data is never loaded."""
    olds = {**PROPS, "run_id": RUN, "summary": {}}
    assert BulkRunProvider().diff(RUN, olds, {**PROPS, "triggers": {"run": "2"}}).replaces == ["triggers"]
    changed = BulkRunProvider().diff(RUN, olds, {**PROPS, "timeout": 60.0})
    assert (changed.changes, changed.replaces) == (True, [])
    updated = BulkRunProvider().update(RUN, {**olds, "summary": {"written": 10}}, PROPS)
    assert updated.outs == {**PROPS, "run_id": RUN, "summary": {"written": 10}}
