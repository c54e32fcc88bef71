"""`python -m costs`: its output and its errors."""

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import costs.__main__ as command
from costs.estimate import Estimate, estimate
from costs.items import Item
from costs.prices import ARM_CPU, ARM_SPOT_CPU, INTERFACE_ENDPOINT, NAT_GATEWAY
from costs.render import as_markdown, as_text, compared
from declared.program import Program
from declared.settings import read_settings
from tests.evaluation import ROOT

Run = Callable[..., tuple[int, str, str]]
_ESTIMATE = Estimate(
    idle=[
        Item(what="NAT gateways", count=2, price=NAT_GATEWAY),
        Item(what="api: vCPU", count=0.25, price=ARM_CPU),
        Item(what="api on Spot: vCPU", count=0.0001, price=ARM_SPOT_CPU),
    ],
    requests=[],
    each_time=[],
)


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """The measurements of a run; the default is no measurement."""
    return tmp_path / "measured.json"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: Path) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["costs", "--measured", str(measured), *arguments])
        status = command.main()
        return status, *capsys.readouterr()

    return run


def test_prints_items_that_add_up_to_the_total(run: Run, program: Program) -> None:
    """A reader distrusts a total that is not the sum of its items."""
    status, out, err = run()
    assert (status, err) == (0, "")
    idle, requests, each_time, note = (block.splitlines() for block in out.split("\n\n")[1:])
    assert note == [
        "The figures for requests are assumptions. To measure them, run `make up`, send requests, and run this again."
    ]
    assert [block[0].split("  ")[0] for block in (idle, requests, each_time)] == [
        "Idle, a month",
        "A million requests",
        "For each event",
    ]
    for block in (idle, requests):
        *amounts, total = (line.split()[-1] for line in block[1:])
        assert sum(float(amount.removeprefix("<")) for amount in amounts) == pytest.approx(float(total), abs=0.05)
    assert idle[-1].split() == ["Total", f"{estimate(program).a_month():,.2f}"]
    widths = {len(line) for line in (*idle, *requests, *each_time)}
    assert len(widths) == 1  # prices are aligned


def test_adds_requests_to_idle_costs(run: Run, program: Program) -> None:
    """A user of `--requests` does not learn what a month with load costs."""
    _, out, _ = run("--requests", "2.5")
    estimated = estimate(program)
    expected = estimated.a_month(2.5)
    assert expected > estimated.a_month() + 1
    assert f"With 2.5 million requests: ${expected:,.2f} a month" in out


_RUN = {
    "stack": "dev",
    "at": "2026-11-27T01:00:00+00:00",
    "services": {
        "query-api": {
            "requests": {"GET": 150, "POST": 50},
            "request_bytes": 100_000,
            "response_bytes": 400_000,
            "read_units": 500.0,
            "write_units": 100.0,
        }
    },
}


def test_prices_measurements_beside_assumptions(run: Run, measured: Path, program: Program) -> None:
    """A program that reads five rows for each request seems as cheap as a program that reads one."""
    measured.write_text(json.dumps(_RUN))
    status, out, err = run("--requests", "2")
    assert (status, err) == (0, "")
    _, _, assumed, as_measured, _, sums, notes = out.split("\n\n")
    assert assumed.startswith("A million requests, as assumed")
    assert as_measured.startswith("A million requests, as measured")
    assert not re.search("Keyspaces writes", assumed)
    # 2.5 RRU and 0.5 WRU a request; 2,000 bytes of each answer go to the internet.
    cells = {line.split("  ")[0]: line.split() for line in as_measured.splitlines()}
    assert (cells["Keyspaces reads"][2], cells["Keyspaces reads"][-1]) == ("2.5", "0.31")
    assert (cells["Keyspaces writes"][2], cells["Keyspaces writes"][-1]) == ("0.5", "0.31")
    assert (cells["Answers to the internet"][4], cells["Answers to the internet"][-1]) == ("2", "0.18")
    measured_sum = float(sums.rpartition("$")[2].split()[0])
    expected = estimate(program).a_month() + 2 * float(cells["Total"][-1])
    assert measured_sum == pytest.approx(expected, abs=0.02)
    assert notes.splitlines() == [
        "Measured by the last run of stack dev on this machine, 2026-11-27T01:00:00+00:00:",
        "  query-api: 200 requests (GET 150, POST 50); each 2.5 RRU and 0.5 WRU, $0.62 a million for Keyspaces",
    ]


def test_warns_of_too_few_measured_requests(run: Run, measured: Path) -> None:
    """A user takes the consumption of three requests and a start as typical of a million requests."""
    services = {"query-api": {**_RUN["services"]["query-api"], "requests": {"GET": 3}}}  # type: ignore[index]
    measured.write_text(json.dumps({**_RUN, "services": services}))
    assert "send at least 100" in run()[1]


@pytest.mark.parametrize("text", ["", "[]", '{"stack": "dev"}', '{"stack": "dev", "at": "", "services": {"a": {}}}'])
def test_refuses_a_measured_file_of_another_form(run: Run, measured: Path, text: str) -> None:
    """A file that is cut short ends in a traceback, or in prices without a measurement."""
    measured.write_text(text)
    status, out, err = run()
    assert (status, out) == (1, "")
    assert "measured.json is not a measured run" in err and err.count("\n") == 1


def test_marks_uncertain_prices() -> None:
    """A reader takes Spot's price as fixed, or an amount too small to show as nothing."""
    lines = as_text(_ESTIMATE).splitlines()
    marked = [line for line in lines if "*" in line]
    assert len(marked) == 2
    assert re.fullmatch(r"api on Spot: vCPU +0\.0001 +\$0\.01619 / vCPU-hour\* +<0\.01", marked[0])
    assert marked[1].startswith("* not confirmed")


def test_compares_variants_item_by_item() -> None:
    """An item of one variant stands beside another item's price, or the items appear in a confusing order."""
    idle = [Item(what="Endpoints", count=1, price=INTERFACE_ENDPOINT), Item(what="api: vCPU", count=2, price=ARM_CPU)]
    other = Estimate(idle=[_ESTIMATE.idle[0], *idle], requests=[], each_time=[])
    assert compared([("both", _ESTIMATE), ("one", other)]).splitlines() == [
        "| $ | both | one |",
        "| --- | ---: | ---: |",
        "| NAT gateways | 65.70 | 65.70 |",
        "| Endpoints |  | 7.30 |",
        "| api: vCPU | 5.91 | 47.27 |",
        "| api on Spot: vCPU | <0.01 |  |",
        "| **Idle, a month** | **71.61** | **120.27** |",
        "| **A million requests** | **0.00** | **0.00** |",
    ]


def test_renders_one_table_with_its_totals() -> None:
    """The documentation shows a table whose items do not add up to its total."""
    rows = as_markdown(_ESTIMATE).splitlines()
    assert rows[2] == "| NAT gateways | 2 | $0.045 / gateway-hour | 65.70 |"
    assert rows[5] == "| **Idle, a month** |  |  | **71.61** |"


def test_warns_that_another_regions_prices_are_not_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack in Europe seems to cost the same as in Virginia."""
    dev = read_settings(ROOT, "dev")
    elsewhere = dataclasses.replace(dev, values={**dev.values, "aws:region": "eu-central-1"})
    monkeypatch.setattr(command, "read_settings", lambda root, stack: elsewhere)
    status, out, _ = run()
    assert status == 0
    assert "The prices of eu-central-1 are different" in out
    assert "Endpoint for cassandra" in out


def test_fails_with_one_sentence(run: Run) -> None:
    """A user who mistypes a stack's name gets a traceback, or the estimate of another stack."""
    status, out, err = run("--stack", "prdo")
    assert (status, out) == (1, "")
    assert err == "costs: there is no stack 'prdo': no Pulumi.prdo.yaml here (stacks: dev)\n"


@pytest.mark.parametrize("text", ["many", "-1", "nan"])
def test_refuses_an_invalid_number_of_requests(run: Run, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With a negative number of requests, a month costs less than nothing."""
    with pytest.raises(SystemExit, match="2"):
        run(f"--requests={text}")
    assert "give millions of requests a month" in capsys.readouterr().err
