"""Checks of an ARN that a program gives: its form, and that it is in the stack's region."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pulumi

from components.account import Account
from components.arguments import raise_for


@dataclass(frozen=True, kw_only=True)
class ArnForm:
    """pattern: matches a whole valid ARN. example: a valid ARN, for messages."""

    pattern: re.Pattern[str]
    example: str

    def mistake(self, arn: pulumi.Input[str] | None) -> str | None:
        """The mistake in `arn` if it is a string and has one; `in_region` checks outputs, too."""
        if not isinstance(arn, str) or self.pattern.fullmatch(arn):
            return None
        return f"is {arn!r}; give an ARN such as {self.example}"

    def in_region(self, of: str, argument: str, arn: pulumi.Input[str], account: Account) -> pulumi.Output[str]:
        """`arn`, checked as soon as it and the stack's region are known; a preview mostly knows both.

        of, argument: the class and the argument, for the InvalidArguments that is raised when the form or the region is
        wrong. An ARN without a region, such as one of IAM, is valid in every region.
        """

        def check(values: list[str]) -> str:
            given, region = values
            mistake = self.mistake(given)
            if mistake is None and given.split(":")[3] not in ("", region):
                mistake = f"is {given!r}, but this stack is in {region}: give one of that region"
            raise_for(of, {argument: mistake})
            return given

        return pulumi.Output.all(arn, account.region).apply(check)


KMS_KEY = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+"),
    example="arn:aws:kms:us-east-1:123456789012:key/1234abcd-0000-0000-0000-000000000000 (of a key, not of an alias)",
)
