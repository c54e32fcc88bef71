"""The verdict's page in a real Chromium, with long statements and names."""

from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser

from local_keyspaces.guidance import ServiceRule
from local_keyspaces.refusals import invalid
from local_keyspaces.verdict.page import write_report
from local_keyspaces.verdict.report import Run, judge
from local_keyspaces.witness import Witness
from tests.keyspaces import ARN, REGION

pytestmark = pytest.mark.long

_SELECT = f"SELECT {', '.join(f'column_{number}' for number in range(20))} FROM shop.{'n' * 48} PER PARTITION LIMIT 1"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verdict of a suite with two refusals, of which only one has a known place, and with some consumption."""
    directory = tmp_path_factory.mktemp("suite")
    for name in ("first", "second"):
        source = directory / "services" / "a-service-with-a-long-name" / f"{name}_repository.py"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"QUERY = '{_SELECT}'")
    seen = Witness(connections=2, roles={"r", "unused"})
    refusal = invalid("PER PARTITION LIMIT is not supported", ServiceRule.PER_PARTITION_LIMIT)
    seen.refused([_SELECT], "r", refusal)
    seen.refused(["TRUNCATE shop.items"], "r", invalid("TRUNCATE is not yet supported.", ServiceRule.TRUNCATE))
    consumed = {"statements": 2_000_000, "read_units": 8.5, "write_units": 1e6, "failed_conditions": 0, "estimated": 0}
    run = Run(
        command=["pytest", "-x"],
        exit_code=0,
        region=REGION,
        witness=seen,
        metered=[{"role": "r", "keyspace": "shop", "table": "items", "text": _SELECT, **consumed}],
        decisions={"r": [{"action": "cassandra:Select", "resource": f"{ARN}shop/table/{'n' * 48}", "allowed": True}]},
        directory=directory,
    )
    file = tmp_path_factory.mktemp("verdict") / "report.html"
    write_report(judge(run), file)
    return file


# 320 pixels are a window of 1280 at 400 % (WCAG 2.2, 1.4.10).
@pytest.mark.parametrize("width", [1000, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_has_no_barrier_in_light_and_dark_narrow_and_wide(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    """A user of a screen reader, a keyboard, dark colours or large text could not read the list of changes."""
    context = browser.new_context(
        viewport={"width": width, "height": 720}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.get_by_role("heading", level=1).inner_text() == "Not ready for Amazon Keyspaces"
    assert page.get_by_text("not found in the source").count() == 1
    found = Axe().run(page)["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{overflow} pixels are beyond the window's edge"
    narrowest = min(
        code.bounding_box()["width"]  # type: ignore[index]  # all are visible
        for code in page.locator("td > code").all()
    )
    assert narrowest > 150, "a column has a few characters in each line"
    context.close()
