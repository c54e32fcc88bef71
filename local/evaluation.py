"""Evaluates the program's present files, and translates the result for this machine."""

from dataclasses import dataclass
from pathlib import Path

from declared import aws
from declared.program import Program, evaluate
from declared.settings import StackSettings, read_settings
from local import translation
from local.edits import forget_modules
from local.stack_model import Stack


@dataclass(frozen=True, kw_only=True)
class DeclaredStack:
    settings: StackSettings
    program: Program
    stack: Stack


class Evaluation:
    """root: the program's folder. stack: its settings are used. address: the local load balancer's."""

    def __init__(self, root: Path, stack: str, address: str) -> None:
        self.root = root
        self._stack = stack
        self._address = address

    def run(self) -> DeclaredStack:
        """Evaluates the program. Raises LocalError and `declared.errors.ProgramError`."""
        forget_modules(self.root)
        settings = read_settings(self.root, self._stack)
        program = evaluate(
            self.root,
            settings,
            computed=aws.computed_by(settings.region, self._address),
            answer=aws.answers_for(settings.region),
        )
        stack = translation.read(program, self.root, f"http://{self._address}")
        return DeclaredStack(settings=settings, program=program, stack=stack)
