"""Schedule expressions: valid ones are accepted, and invalid ones are refused before AWS gets them."""

import pytest

from components import Scheduled
from components.arguments import InvalidArguments
from components.schedules import expression_mistake


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 day)",
        "rate(5 minutes)",
        "cron(0 3 * * ? *)",
        "cron(0/15 8-17 ? * MON-FRI *)",
        "cron(0,30 */2 1,15 JAN-MAR ? 2026-2030)",
        "cron(0 0 L * ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 ? * fri#5 *)",
        "cron(0 9 ? * 6L *)",
    ],
)
def test_accepts_expressions_aws_accepts(expression: str) -> None:
    """A schedule that AWS accepts is refused here."""
    assert expression_mistake(expression) is None


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("rate(0 days)", "use one such as rate"),
        ("rate(1 week)", "use one such as rate"),
        ("every day", "use one such as rate"),
        ("cron(0 3 * * *)", "cron takes six fields with one space between: minutes, hours"),
        ("cron(0 3 * * * *)", "put [?] for the day of month or for the day of week"),
        ("cron(0 3 ? * ? *)", "and not for both"),
        ("cron(60 3 * * ? *)", "whose minutes '60' is not valid"),
        ("cron(0 24 * * ? *)", "whose hours '24' is not valid"),
        ("cron(0 3 32 * ? *)", "whose day of month '32' is not valid"),
        ("cron(0 3 0W * ? *)", "whose day of month '0W' is not valid"),
        ("cron(0 3 ? 13 MON *)", "whose month '13' is not valid"),
        ("cron(0 3 ? * MON#6 *)", "whose day of week 'MON#6' is not valid"),
        ("cron(0/0 3 * * ? *)", "whose minutes '0/0' is not valid"),
        ("cron(1,,2 3 * * ? *)", "whose minutes '1,,2' is not valid"),
        ("cron(0 3 * * ? 1969)", "whose year '1969' is not valid"),
        ("cron(² 3 * * ? *)", "whose minutes '²' is not valid"),
    ],
)
def test_refuses_expressions_aws_would_refuse(expression: str, message: str) -> None:
    """The update fails halfway, or the task never runs."""
    with pytest.raises(InvalidArguments, match=message):
        Scheduled(expression=expression)


def test_refuses_an_invalid_timezone() -> None:
    """The update fails at the schedule, after everything else is created."""
    with pytest.raises(InvalidArguments, match="timezone is 'Berlin'; use a name of the IANA database"):
        Scheduled(expression="rate(1 day)", timezone="Berlin")
    assert Scheduled(expression="cron(0 3 * * ? *)", timezone="Europe/Berlin").timezone == "Europe/Berlin"
