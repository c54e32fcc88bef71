"""`python -m costs`: what it prints and how it fails."""

import dataclasses
import re
import sys
from collections.abc import Callable

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
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["costs", *arguments])
        status = command.main()
        return status, *capsys.readouterr()

    return run


def test_prints_items_that_add_up_to_the_total(run: Run, program: Program) -> None:
    """Nobody believes the total."""
    status, out, err = run()
    assert (status, err) == (0, "")
    idle, requests, each_time = (block.splitlines() for block in out.split("\n\n")[1:])
    assert [block[0].split("  ")[0] for block in (idle, requests, each_time)] == [
        "Idle, a month",
        "A million requests",
        "Each time",
    ]
    for block in (idle, requests):
        *amounts, total = (line.split()[-1] for line in block[1:])
        assert sum(float(amount.removeprefix("<")) for amount in amounts) == pytest.approx(float(total), abs=0.05)
    assert idle[-1].split() == ["Total", f"{estimate(program).a_month():,.2f}"]
    widths = {len(line) for line in (*idle, *requests, *each_time)}
    assert len(widths) == 1  # aligned


def test_adds_requests_to_what_runs_anyway(run: Run, program: Program) -> None:
    """`--requests` answers what a month with load costs."""
    _, out, _ = run("--requests", "2.5")
    estimated = estimate(program)
    expected = estimated.a_month(2.5)
    assert expected > estimated.a_month() + 1
    assert f"With 2.5 million requests: ${expected:,.2f} a month" in out


def test_marks_what_is_not_sure() -> None:
    """Spot's price moves, and an amount too small to show is not nothing."""
    lines = as_text(_ESTIMATE).splitlines()
    marked = [line for line in lines if "*" in line]
    assert len(marked) == 2
    assert re.fullmatch(r"api on Spot: vCPU +0\.0001 +\$0\.01619 / vCPU-hour\* +<0\.01", marked[0])
    assert marked[1].startswith("* not confirmed")


def test_compares_ways_item_by_item() -> None:
    """A way that lacks an item has an empty cell there; what only one has stands where it does in its own list."""
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
    """What the documentation shows of a stack."""
    rows = as_markdown(_ESTIMATE).splitlines()
    assert rows[2] == "| NAT gateways | 2 | $0.045 / gateway-hour | 65.70 |"
    assert rows[5] == "| **Idle, a month** |  |  | **71.61** |"


def test_says_that_another_regions_prices_are_not_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack in Europe seems to cost what it would in Virginia."""
    dev = read_settings(ROOT, "dev")
    elsewhere = dataclasses.replace(dev, values={**dev.values, "aws:region": "eu-central-1"})
    monkeypatch.setattr(command, "read_settings", lambda root, stack: elsewhere)
    status, out, _ = run()
    assert status == 0
    assert "These are not the prices of eu-central-1" in out
    assert "Endpoint for cassandra" in out


def test_fails_with_one_sentence(run: Run) -> None:
    """A mistyped stack ends in a traceback, or in the estimate of another."""
    status, out, err = run("--stack", "prdo")
    assert (status, out) == (1, "")
    assert err == "costs: there is no stack 'prdo': no Pulumi.prdo.yaml here (stacks: dev)\n"


@pytest.mark.parametrize("text", ["many", "-1", "nan"])
def test_refuses_a_number_of_requests_that_is_none(run: Run, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A month costs less than nothing."""
    with pytest.raises(SystemExit, match="2"):
        run(f"--requests={text}")
    assert "give millions of requests a month" in capsys.readouterr().err
