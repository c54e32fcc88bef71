"""Renders estimates as text for a terminal, and as Markdown for the documentation."""

from collections.abc import Callable, Iterable, Sequence

from costs.assumptions import DEFAULTS, Assumptions, every_assumption
from costs.estimate import Estimate
from costs.items import Item, total
from costs.prices import GAPS, every_price

_HEADINGS = ("", "units", "unit price", "$")
_UNCONFIRMED = "* not confirmed; see docs/cost.md"


def as_text(estimate: Estimate, *, million_requests: float = 0, measured: Estimate | None = None) -> str:
    """Sections with totals, in columns of equal width.

    measured: the estimate with a run's measurements, which adds a section beside the assumed requests.
    """
    sections = [
        ("Idle, a month", estimate.idle, 2),
        ("A million requests" + (", as assumed" if measured else ""), estimate.requests, 2),
        *([("A million requests, as measured", measured.requests, 2)] if measured else []),
        ("For each event", estimate.each_time, 4),
    ]
    blocks = []
    for heading, items, digits in sections:
        rows = [_cells(item, digits) for item in items]
        if digits == 2:
            rows.append(("Total", "", "", _dollars(total(items))))
        blocks.append([(heading, *_HEADINGS[1:]), *rows])
    widths = [max(len(row[column]) for block in blocks for row in block) for column in range(len(_HEADINGS))]
    text = "\n\n".join("\n".join(_line(row, widths) for row in block) for block in blocks if len(block) > 1)
    if million_requests:
        text += f"\n\nWith {million_requests:g} million requests: ${estimate.a_month(million_requests):,.2f} a month"
        if measured:
            text += f", and ${measured.a_month(million_requests):,.2f} as measured"
    if "*" in text:
        text += f"\n\n{_UNCONFIRMED}"
    return text


def _cells(item: Item, digits: int) -> tuple[str, str, str, str]:
    doubt = "*" if item.price.doubt else ""
    return item.what, _count(item.count), f"{item.price}{doubt}", _dollars(item.usd, digits)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    what, count, price, dollars = row
    return f"{what:{widths[0]}}  {count:>{widths[1]}}  {price:{widths[2]}}  {dollars:>{widths[3]}}"


def _count(count: float) -> str:
    """The count as text; three digits if it is not a whole number."""
    return f"{count:,.0f}" if count == int(count) else f"{count:.3g}"


def _dollars(usd: float, digits: int = 2) -> str:
    smallest = 10**-digits
    return f"<{smallest:.{digits}f}" if 0 < usd < smallest / 2 else f"{usd:,.{digits}f}"


def as_markdown(estimate: Estimate) -> str:
    """One table: idle, then a million requests, then the cost of each event."""
    rows: list[Sequence[str]] = []
    rows += [_cells(item, 2) for item in estimate.idle]
    rows.append(("**Idle, a month**", "", "", f"**{_dollars(total(estimate.idle))}**"))
    rows += [_cells(item, 2) for item in estimate.requests]
    rows.append(("**A million requests**", "", "", f"**{_dollars(total(estimate.requests))}**"))
    rows += [_cells(item, 4) for item in estimate.each_time]
    return table(_HEADINGS, rows, right=(1, 3))


def compared(estimates: Sequence[tuple[str, Estimate]]) -> str:
    """A Markdown table of several stacks or configurations: a row for each item, a column for each title."""

    def rows(items_of: Callable[[Estimate], list[Item]], sum_: str) -> Iterable[Sequence[str]]:
        for what in _in_order([item.what for item in items_of(estimate)] for _, estimate in estimates):
            yield what, *(_sum_of(what, items_of(estimate)) for _, estimate in estimates)
        yield sum_, *(f"**{_dollars(total(items_of(estimate)))}**" for _, estimate in estimates)

    titles = [title for title, _ in estimates]
    return table(
        ("$", *titles),
        [
            *rows(lambda estimate: estimate.idle, "**Idle, a month**"),
            *rows(lambda estimate: estimate.requests, "**A million requests**"),
        ],
        right=range(1, len(titles) + 1),
    )


def _in_order(columns: Iterable[Sequence[str]]) -> list[str]:
    """All names without duplicates; a name that only a later column has is inserted at its place there."""
    found: list[str] = []
    for column in columns:
        place = 0
        for what in column:
            if what in found:
                place = found.index(what) + 1
            else:
                found.insert(place, what)
                place += 1
    return found


def _sum_of(what: str, items: Iterable[Item]) -> str:
    same = [item for item in items if item.what == what]
    return _dollars(total(same)) if same else ""


def assumptions_table(assumptions: Assumptions = DEFAULTS) -> str:
    rows = [(f"{each.value:g} {each.unit}".strip(), each.means) for each in every_assumption(assumptions)]
    return table(("", "assumed"), rows)


def prices_table() -> str:
    rows = [
        (price.name, str(price), price.source, price.date, f"UNVERIFIED: {price.doubt}" if price.doubt else "")
        for price in every_price()
    ]
    return table(("", "$", "source", "date", ""), rows)


def gaps_table() -> str:
    return table(("", "billed", "can a stack declare it?"), [(gap.name, gap.billed, gap.declared) for gap in GAPS])


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A Markdown table. right: the right-aligned columns, from 0."""
    columns = set(right)
    ruler = ["---:" if column in columns else "---" for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, ruler, *rows))
