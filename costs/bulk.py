"""The cost of a bulk load with AWS Glue: its workers, and the rows that they write."""

from collections.abc import Iterator

from costs import prices
from costs.assumptions import Assumptions
from costs.data import TABLE, is_on_demand
from costs.items import Item, number, unclear
from declared.program import Program, Resource

RUN = "pulumi-python:dynamic/glue:BulkRun"
JOB = "aws:glue/job:Job"
_MINUTES = 60
# DPU of a worker (Glue developer guide, "AWS Glue worker types").
_DPU = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}


def run_items(run: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The cost of one run; `pulumi up` decides how many there are."""
    (job,) = (each for each in program.of_type(JOB) if each.outputs.get("name") == run.inputs.get("job"))
    worker = job.inputs.get("workerType")
    if worker not in _DPU:
        raise unclear(job, f"workerType is {worker!r}; the known types are {', '.join(_DPU)}")
    what = f"{run.name}, a run of {assumptions.bulk_minutes:g} min"
    units = number(job, "numberOfWorkers", job.inputs) * _DPU[worker]
    yield Item(what=f"{what}: workers", count=units, price=prices.GLUE, hours=assumptions.bulk_minutes / _MINUTES)
    if any(is_on_demand(table) for table in program.of_type(TABLE)):
        yield Item(what=f"{what}: rows written", count=assumptions.bulk_writes / 1e6, price=prices.WRITES)
