"""Private ECR repositories, as their URIs name them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# ECR user guide, "Amazon ECR private registries"; CreateRepository in the API reference has the form of the name.
_REPOSITORY = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>amazonaws\.com(?:\.cn)?)"
    r"/(?P<name>[a-z0-9]+(?:[._/-][a-z0-9]+|__[a-z0-9]+|-+[a-z0-9]+)*)"
)


@dataclass(frozen=True, kw_only=True)
class EcrRepository:
    """suffix: of the registry's host; China has another one."""

    account: str
    region: str
    suffix: str
    name: str

    @classmethod
    def parse(cls, uri: str) -> EcrRepository | None:
        """Parses `<account>.dkr.ecr.<region>.amazonaws.com/<name>`; None for anything else."""
        match = _REPOSITORY.fullmatch(uri)
        return cls(**match.groupdict()) if match else None

    def arn(self, partition: str) -> str:
        return f"arn:{partition}:ecr:{self.region}:{self.account}:repository/{self.name}"
