"""Runs an AWS Glue job once, during `pulumi up`, and makes the update fail when the job does.

Pulumi dynamic providers; see `components.dynamic`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from components.bulk.job_execution import JobExecution
from components.dynamic import Provider


class BulkRun(Resource, module="glue", name="BulkRun"):
    """One run of a Glue job. Exists once the run has succeeded; a failed run is not recorded.

    The job runs again only when `job` or one of `triggers` changes.

    run_id: the run's ID in Glue. summary: `written` (rows), `seconds`, `rows_a_second` and `dpu_seconds`, if the
    log and Glue report them.
    """

    run_id: pulumi.Output[str]
    summary: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self,
        name: str,
        *,
        job: pulumi.Input[str],
        triggers: Mapping[str, pulumi.Input[Any]],
        timeout: int,
        connection: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            BulkRunProvider(),
            name,
            {
                "job": job,
                "triggers": dict(triggers),
                "timeout": timeout,
                "connection": dict(connection),
                "run_id": None,
                "summary": None,
            },
            opts,
        )


class BulkRunProvider(Provider):
    """Starts the run, waits for its end and checks its result.

    - Runs of the job that are under way are stopped first; after `timeout` seconds, or when the update is cancelled,
      this run is stopped.
    - The start is retried for two minutes while Glue cannot assume the role yet.
    - Any final state but SUCCEEDED raises an error with Glue's reason and the last log lines; Pulumi then records
      nothing, so that the next `pulumi up` runs the job again.
    """

    computed = ("run_id", "summary")
    # Inputs that make the job run again.
    replacing = ("job", "triggers")

    def subject(self, props: dict[str, Any]) -> str:
        return f"the run of {props['job']}"

    def create(self, props: dict[str, Any]) -> CreateResult:
        execution = JobExecution(props, self.sign_in)
        execution.stop_leftovers()
        run, summary = execution.run_to_success()
        return CreateResult(id_=run, outs={**props, "run_id": run, "summary": dict(summary)})

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs={**news, "run_id": id_, "summary": olds.get("summary")})


class BulkStop(Resource, module="glue", name="BulkStop"):
    """Stops, when it is deleted, a run that a killed update has left behind and that would go on writing."""

    def __init__(
        self,
        name: str,
        *,
        job: pulumi.Input[str],
        connection: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(BulkStopProvider(), name, {"job": job, "connection": dict(connection)}, opts)


class BulkStopProvider(Provider):
    """Does nothing until it is deleted."""

    def subject(self, props: dict[str, Any]) -> str:
        return f"the runs of {props['job']}"

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["job"], outs=props)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        JobExecution(props, self.sign_in).stop_leftovers()
