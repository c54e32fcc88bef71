"""The cost of this stack."""

import pytest

from costs.estimate import estimate
from declared.program import Program
from tests.evaluation import evaluate


def test_costs_at_most_the_promised_amount(program: Program) -> None:
    """The dev stack's owner pays more than the planned $90 a month, or $50 for the cheapest variant."""
    assert 89 < estimate(program).a_month() <= 90
    assert 49 < estimate(evaluate(egress="public", queryApiTasks="1")).a_month() <= 50


@pytest.mark.parametrize("egress", ["nat-per-zone", "endpoints", "public"])
def test_prices_every_egress(program: Program, egress: str) -> None:
    """The documentation's table of kinds of egress compares nothing."""
    assert abs(estimate(evaluate(egress=egress)).a_month() - estimate(program).a_month()) > 5


def test_prices_production(production: Program) -> None:
    """A user who asks what production costs gets an error, or the price of dev."""
    assert estimate(production).a_month() > 200


def test_follows_the_stacks_settings() -> None:
    """The estimate is for another stack than the deployed one."""
    none, one, three = (estimate(evaluate(queryApiTasks=tasks)).a_month() for tasks in "013")
    assert three - none == pytest.approx(3 * (one - none))
    assert one - none > 5


@pytest.mark.parametrize(("metrics", "expected"), [("true", (16, "$0.3 / metric-month")), ("false", None)])
def test_counts_metrics_that_a_service_makes_of_its_own(metrics: str, expected: tuple[float, str] | None) -> None:
    """A service's own metrics look free."""
    items = {item.what: (item.count, str(item.price)) for item in estimate(evaluate(queryApiMetrics=metrics)).idle}
    assert items.get("query-api: custom metrics") == expected


def test_prices_a_run_of_the_loader(program: Program) -> None:
    """A user who runs the loader often does not learn what it costs."""
    each_time = {item.what: item for item in estimate(program).each_time}
    cpu, memory, written = (
        next(item for what, item in each_time.items() if what.startswith("load-countries, a run") and word in what)
        for word in ("vCPU", "memory", "rows written")
    )
    assert cpu.usd == pytest.approx(cpu.count * cpu.price.usd / 60)
    assert memory.usd == pytest.approx(memory.count * memory.price.usd / 60)
    assert written.usd == pytest.approx(250 / 1e6 * 0.625)
