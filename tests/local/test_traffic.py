"""The measured requests of a run, for `python -m costs`."""

import json
from pathlib import Path

from costs.measured import read_measured
from declared.program import Program
from local import translation
from local.stack_model import Service
from local.traffic import MeasuredFile, Traffic, measured
from tests.evaluation import ROOT

_STATEMENT = {"keyspace": "geography_domain", "table": "countries", "text": "SELECT * FROM countries", "statements": 1}


def test_measures_each_service_by_its_role(program: Program, tmp_path: Path) -> None:
    """The loader's writes, or a developer's queries, would be charged to the API's requests."""
    stack = translation.read(program, ROOT, "http://127.0.0.1:1")
    (service,) = (step for step in stack.steps if isinstance(step, Service))
    traffic = Traffic()
    for method, sent, answered in (("GET", 100, 900), ("GET", 100, 1_100), ("POST", 400, 100)):
        traffic.add(method, sent, answered)
    statements = [
        {**_STATEMENT, "role": "query-api-task", "read_units": 4.5, "write_units": 0},
        {**_STATEMENT, "role": "query-api-task", "read_units": 1.5, "write_units": 3},
        {**_STATEMENT, "role": "load-countries-task", "read_units": 0, "write_units": 250},
        {**_STATEMENT, "role": "administrator", "read_units": 99, "write_units": 0},
    ]
    group = service.target_group
    assert group is not None
    file = tmp_path / "measured.json"
    kept = MeasuredFile(file, lambda: measured(stack, "dev", {group.name: traffic}, statements))
    kept.write()
    found = read_measured(file)  # as the other room reads it
    assert found is not None
    (api,) = found.services
    assert (found.stack, api.name, api.requests) == ("dev", "query-api", {"GET": 2, "POST": 1})
    assert (api.read_units, api.write_units, api.request_bytes, api.response_bytes) == (6, 3, 600, 2_100)
    assumed = found.assumptions()
    assert (assumed.read_units, assumed.write_units, assumed.response_bytes) == (2, 1, 700)


def test_keeps_the_last_run_until_another_has_requests(program: Program, tmp_path: Path) -> None:
    """`make up` without a request would delete the measurements of the run before."""
    stack = translation.read(program, ROOT, "http://127.0.0.1:1")
    file = tmp_path / "measured.json"
    file.write_text(json.dumps({"before": True}))
    MeasuredFile(file, lambda: measured(stack, "dev", {}, [])).write()
    assert json.loads(file.read_text()) == {"before": True}
