"""Names of components, checked before anything is created."""

from __future__ import annotations

import re

import pulumi

from components.arguments import InvalidArguments

# Load balancers and target groups may have 32 characters, of letters, digits and hyphens (Elastic Load Balancing API
# reference); Pulumi appends a hyphen and seven random characters to a component's name. If `pulumi:autonaming` makes
# longer names of it, the preview fails (pulumi-terraform-bridge, pkg/tfbridge/info/autonaming.go).
_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")


def check_name(component: str, name: str) -> None:
    """Raises InvalidArguments unless AWS accepts the names of all resources that are created under `name`: 2 to 24 of
    a-z, 0-9 and single hyphens, beginning with a letter, but not with `internal-` or `sg-`, and not ending with a
    hyphen.
    """
    if not _NAME.fullmatch(name) or "--" in name or name.startswith(("internal-", "sg-")):
        raise InvalidArguments(
            component,
            {
                "name": f"is {name!r}; use 2 to 24 of a-z, 0-9 and single hyphens, beginning with a letter (but not"
                " with internal- or sg-) and not ending with a hyphen"
            },
        )


def physical_name(type_: str, name: str) -> str:
    """The name that a resource without a name of its own gets in AWS, as an IAM pattern: `*` for the random part.

    type_: such as `aws:lb/loadBalancer:LoadBalancer`. Follows `pulumi:autonaming` as the engine does (pulumi,
    pkg/resource/autonaming); an expression of a pattern that is not resolved here becomes `*`, too.
    """
    naming = pulumi.Config("pulumi").get_object("autonaming") or {}
    of_provider = naming.get("providers", {}).get(type_.partition(":")[0])
    if of_provider is not None:
        naming = of_provider.get("resources", {}).get(type_, of_provider)
    if naming.get("mode") == "verbatim":
        return name
    known = {"name": name, "project": pulumi.get_project(), "stack": pulumi.get_stack()}
    pattern = str(naming.get("pattern", "${name}-*"))
    return re.sub(r"\$\{([^}]*)\}", lambda found: known.get(found[1], "*"), pattern)


def in_stack(name: str) -> str:
    """`<name>-<stack>`, for resources with a fixed name in AWS."""
    return plain(f"{name}-{pulumi.get_stack()}")


def stack_path() -> str:
    """`/<project>/<stack>`, for resources with a path in AWS. Pulumi allows letters, digits, -, _ and . in both."""
    return f"/{pulumi.get_project()}/{pulumi.get_stack()}"


def plain(name: str) -> str:
    """`name` with a hyphen for every character but letters, digits, hyphens and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
