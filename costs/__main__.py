"""Prints the monthly cost of a stack: `python -m costs --help`."""

import argparse
import os
import sys
from pathlib import Path

from costs.documents import DOCUMENTS, evaluate_stack, update
from costs.estimate import estimate
from costs.measured import read_measured
from costs.prices import REGION, every_price
from costs.render import as_text
from declared.errors import ProgramError
from declared.settings import read_settings

_MEASURED = Path(".local", "measured.json")
_NOTHING_MEASURED = (
    "The figures for requests are assumptions. To measure them, run `make up`, send requests, and run this again."
)


def main() -> int:
    options = _parser().parse_args()
    try:
        if options.update_docs:
            update(options.program)
        else:
            _print_estimate(options.program, options.stack, options.requests, options.measured)
    except ProgramError as error:
        print(f"costs: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of standard output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m costs", description="Prints the monthly cost of the declared stack on AWS, item by item."
    )
    parser.add_argument(
        "--program",
        type=_folder,
        default=Path.cwd(),
        metavar="FOLDER",
        help="folder of the Pulumi program (default: this one)",
    )
    parser.add_argument("--stack", default="dev", help="stack whose settings to use (default: dev)")
    parser.add_argument(
        "--requests",
        type=_millions,
        default=0,
        metavar="N",
        help="millions of requests a month to include in the total (default: 0)",
    )
    parser.add_argument(
        "--measured",
        type=Path,
        metavar="FILE",
        help=f"measurements of a run on this machine (default: {_MEASURED} in the program's folder)",
    )
    parser.add_argument(
        "--update-docs", action="store_true", help=f"update the tables in {' and '.join(DOCUMENTS)} instead"
    )
    return parser


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _millions(text: str) -> float:
    try:
        millions = float(text)
    except ValueError:
        millions = -1
    if not 0 <= millions <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: give millions of requests a month, from 0 to 1000000")
    return millions


def _print_estimate(root: Path, stack: str, million_requests: float, file: Path | None) -> None:
    settings = read_settings(root, stack)
    measured = read_measured(file or root / _MEASURED)
    program = evaluate_stack(root, settings)
    estimated = estimate(program)
    with_measured = estimate(program, measured.assumptions()) if measured else None
    dates = sorted(price.date for price in every_price())
    print(f"Stack {stack} in {settings.region}; prices of {REGION} in US dollars, from {dates[0]} to {dates[-1]}")
    if settings.region != REGION:
        print(f"The prices of {settings.region} are different, and are not known here.")
    print(f"\n{as_text(estimated, million_requests=million_requests, measured=with_measured)}\n")
    print(*(measured.lines() if measured else [_NOTHING_MEASURED]), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
