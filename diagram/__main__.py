"""Draws a declared program: `python -m diagram --help`."""

import argparse
import sys
from pathlib import Path

from declared import aws
from declared.errors import ProgramError
from declared.program import evaluate
from declared.settings import read_settings
from diagram.stack_view import view_of
from diagram.svg import render


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m diagram", description="Draws the declared stack as SVG.")
    parser.add_argument("--program", type=Path, default=Path(), metavar="FOLDER", help="default: this folder")
    parser.add_argument("--stack", default="dev", help="stack whose settings to use (default: dev)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    options = parser.parse_args()
    try:
        picture = draw(options.program.resolve(), options.stack)
    except ProgramError as error:
        print(f"diagram: {error}", file=sys.stderr)
        return 1
    if options.output:
        options.output.write_text(picture)
    else:
        print(picture, end="")
    return 0


def draw(root: Path, stack: str) -> str:
    """Raises ProgramError."""
    settings = read_settings(root, stack)
    program = evaluate(
        root,
        settings,
        computed=aws.computed_by(settings.region, "load-balancer"),
        answer=aws.answers_for(settings.region),
    )
    return render(view_of(program, settings.project))


if __name__ == "__main__":
    sys.exit(main())
