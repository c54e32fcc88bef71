"""The tables of costs in the documentation: their contents, and their documents."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from costs.estimate import Estimate, estimate
from costs.options import options_table
from costs.render import as_markdown, assumptions_table, compared, gaps_table, prices_table
from declared import aws
from declared.errors import ProgramError
from declared.program import Program, evaluate
from declared.settings import StackSettings, read_settings

# The tables in each document.
DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "docs/cost.md": ("dev", "ways", "assumptions", "gaps", "prices"),
    "docs/components.md": ("options",),
}
STACK = "dev"
# Configurations of the stack that the documentation compares: title, and the settings that differ from Pulumi.dev.yaml.
WAYS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("nat", {}),
    ("nat-per-zone", {"egress": "nat-per-zone"}),
    ("endpoints", {"egress": "endpoints"}),
    ("public", {"egress": "public"}),
    ("public, one task", {"egress": "public", "queryApiTasks": "1"}),
)


def estimate_stack(root: Path, settings: StackSettings, changed: Mapping[str, str] | None = None) -> Estimate:
    """The estimate of `evaluate_stack`. Raises ProgramError if the program cannot be evaluated or priced."""
    return estimate(evaluate_stack(root, settings, changed))


def evaluate_stack(root: Path, settings: StackSettings, changed: Mapping[str, str] | None = None) -> Program:
    """The program in `root`. changed: settings of this project, by name, that replace the stack's.

    Raises ProgramError if it cannot be evaluated.
    """
    values = {**settings.values, **{f"{settings.project}:{key}": value for key, value in (changed or {}).items()}}
    return evaluate(
        root,
        dataclasses.replace(settings, values=values),
        computed=aws.computed_by(settings.region, "load-balancer"),
        answer=aws.answers_for(settings.region),
    )


def tables(root: Path) -> dict[str, str]:
    """The tables by name, as Markdown."""
    settings = read_settings(root, STACK)
    return {
        "dev": as_markdown(estimate_stack(root, settings)),
        "ways": compared([(title, estimate_stack(root, settings, changed)) for title, changed in WAYS]),
        "assumptions": assumptions_table(),
        "gaps": gaps_table(),
        "prices": prices_table(),
        "options": options_table(),
    }


def replaced(text: str, name: str, table: str) -> str:
    """`text` with `table` in place of the old table between `<!-- name: begin -->` and `<!-- name: end -->`."""
    between = re.compile(f"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    if len(between.findall(text)) != 1:
        raise ProgramError(f"write <!-- {name}: begin --> and <!-- {name}: end --> once, each on a line of its own")
    return between.sub(lambda marks: f"{marks[1]}\n{table}\n\n{marks[2]}", text)


def update(root: Path) -> None:
    computed = tables(root)
    for document, names in DOCUMENTS.items():
        text = (root / document).read_text()
        for name in names:
            text = replaced(text, name, computed[name])
        (root / document).write_text(text)
