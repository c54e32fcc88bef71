"""Names of components, checked before anything is created."""

from __future__ import annotations

import re

import pulumi

from components.arguments import InvalidArguments

# Load balancers and target groups may have 32 characters, of letters, digits and hyphens (Elastic Load Balancing API
# reference); Pulumi appends a hyphen and seven random characters to a component's name.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")


def check_name(component: str, name: str) -> None:
    """Raises InvalidArguments unless all that is created under `name` gets a name AWS accepts: 2 to 24 of a-z, 0-9 and
    single hyphens, beginning with a letter, but not with `internal-` or `sg-`, and not ending with a hyphen.
    """
    if not _NAME.fullmatch(name) or "--" in name or name.startswith(("internal-", "sg-")):
        raise InvalidArguments(
            component,
            {
                "name": f"is {name!r}; use 2 to 24 of a-z, 0-9 and single hyphens, beginning with a letter (but not"
                " with internal- or sg-) and not ending with a hyphen"
            },
        )


def in_stack(name: str) -> str:
    """`<name>-<stack>`, for what has a fixed name in AWS."""
    return plain(f"{name}-{pulumi.get_stack()}")


def stack_path() -> str:
    """`/<project>/<stack>`, for what has a path in AWS. Pulumi takes letters, digits, -, _ and . in both."""
    return f"/{pulumi.get_project()}/{pulumi.get_stack()}"


def plain(name: str) -> str:
    """With a hyphen for everything but letters, digits, hyphens and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
