"""Runs one AWS Glue job to its end, or stops runs that were left behind: the calls behind `BulkRun` and `BulkStop`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from components.aws_errors import AWS_ERRORS, ResourceFailed, in_words
from components.connection import SignIn, session_from
from components.tasks.interruption import pause

POLL_SECONDS = 10.0
# How long a new role may take until Glue can assume it: IAM is eventually consistent, usually within seconds.
ROLE_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 300.0
_LOG_LINES = 20
# Glue API reference, JobRun: the states of a run that has not ended.
_UNDER_WAY = ("STARTING", "RUNNING", "STOPPING", "WAITING")


class BulkLoadFailed(ResourceFailed):
    """The job did not load every row; the message says why and what to do."""


class JobExecution:
    """props: the inputs of a `BulkRun`, or of a `BulkStop`. sign_in: the credentials to call AWS with."""

    def __init__(self, props: Mapping[str, Any], sign_in: SignIn) -> None:
        self.props = props
        session = session_from(props["connection"], sign_in)
        self.glue = session.client("glue")
        self.logs = session.client("logs")

    def stop_leftovers(self) -> None:
        try:
            pages = self.glue.get_paginator("get_job_runs").paginate(JobName=self._job)
            running = [run["Id"] for page in pages for run in page["JobRuns"] if run["JobRunState"] in _UNDER_WAY]
        except self.glue.exceptions.EntityNotFoundException:
            return
        for run in running:
            self._stop(run)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for run in running:
            if self._wait_until_ended(run, deadline) is None:
                raise BulkLoadFailed(
                    f"{self._job}: run {run} was told to stop {STOP_TIMEOUT_SECONDS:.0f} s ago and still runs: wait"
                    " for it to stop, then run this again"
                )

    def run_to_success(self) -> tuple[str, Mapping[str, Any]]:
        """Returns the run's id and its summary. Raises BulkLoadFailed."""
        run = self._start()
        ended = self._wait(run)
        if ended["JobRunState"] != "SUCCEEDED":
            raise BulkLoadFailed(
                f"{self._job}: the run ended as {ended['JobRunState']} after {ended.get('ExecutionTime', 0)} s:"
                f" {ended.get('ErrorMessage', 'Glue gives no reason')}{self._last_lines(ended, 'error')}"
                f"\nFix the cause, then run `pulumi up` again: the job runs again. ({run})"
            )
        return run, self._summary(ended)

    def _start(self) -> str:
        deadline = time.monotonic() + ROLE_TIMEOUT_SECONDS
        while True:
            try:
                return str(self.glue.start_job_run(JobName=self._job)["JobRunId"])
            except ClientError as error:
                # Glue has no error code of its own for a role that it cannot assume yet (UNVERIFIED wording).
                if "assume" not in str(error).lower() or time.monotonic() >= deadline:
                    raise
            pause(POLL_SECONDS)

    def _wait(self, run: str) -> Mapping[str, Any]:
        """The ended run. Raises BulkLoadFailed after the timeout. Any error stops the run before it is raised."""
        timeout = float(self.props["timeout"])
        try:
            ended = self._wait_until_ended(run, time.monotonic() + timeout)
        except BaseException:
            self._stop(run)
            raise
        if ended is None:
            self._stop(run)
            raise BulkLoadFailed(
                f"{self._job}: the run was stopped because it had not ended after {timeout:.0f} s. Raise the timeout,"
                f" the workers or the table's capacity, then run `pulumi up` again. ({run})"
            )
        return ended

    def _wait_until_ended(self, run: str, deadline: float) -> Mapping[str, Any] | None:
        """The run once it has ended; None if it has not ended by `deadline`."""
        while True:
            described = self.glue.get_job_run(JobName=self._job, RunId=run)["JobRun"]
            if described["JobRunState"] not in _UNDER_WAY:
                return dict(described)
            if time.monotonic() >= deadline:
                return None
            pause(POLL_SECONDS)

    def _stop(self, run: str) -> None:
        self.glue.batch_stop_job_run(JobName=self._job, JobRunIds=[run])

    def _summary(self, ended: Mapping[str, Any]) -> Mapping[str, Any]:
        """The program's counts, and the DPU seconds that the run was billed, if Glue reports them."""
        counted: dict[str, Any] = {}
        for line in self._lines(ended, "output"):
            if line.startswith('{"table"'):
                counted = json.loads(line)
        billed = ended.get("DPUSeconds")
        return counted | ({} if billed is None else {"dpu_seconds": billed})

    def _last_lines(self, ended: Mapping[str, Any], kind: str) -> str:
        try:
            lines = self._lines(ended, kind)
        except AWS_ERRORS as error:
            return f"\nIts log could not be read: {in_words(error)}"
        return "\nThe last lines of its log:" + "".join(f"\n  {line}" for line in lines) if lines else ""

    def _lines(self, ended: Mapping[str, Any], kind: str) -> list[str]:
        """kind: `output` or `error`, of the driver (Glue developer guide, "Logging for AWS Glue jobs")."""
        try:
            events = self.logs.get_log_events(
                logGroupName=f"{ended.get('LogGroupName') or '/aws-glue/jobs'}/{kind}",
                logStreamName=ended["Id"],
                limit=_LOG_LINES,
                startFromHead=False,
            )["events"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []  # the run has not written a line
        return [event["message"].rstrip() for event in events]

    @property
    def _job(self) -> str:
        return str(self.props["job"])
