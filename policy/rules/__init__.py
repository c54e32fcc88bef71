"""The rules for every stack, whatever it declares.

The engine applies these rules to each resource just before it creates, updates or replaces the resource, in updates and
in previews, and a mandatory violation stops it (pulumi/pulumi, `pkg/resource/deploy/step_generator.go`: resources are
analyzed before their steps are made). A preview reports all violations and fails at its end; an update stops at the
first. A value that is not known in a preview, such as a policy made from the ARN of a resource that does not exist yet,
is therefore checked in the update, still before it takes effect: run the pack with `pulumi up`, too, not only with
`pulumi preview`.

The engine applies the rules about several resources at once (`StackValidationPolicy`) at the end of a preview and, in
an update, after all changes: only the preview prevents a violation of these rules.
"""

from pulumi_policy import Policy

from rules import containers, data, iam, load_balancers, network, providers, services, tags

POLICIES: list[Policy] = [
    *iam.POLICIES,
    *network.POLICIES,
    *load_balancers.POLICIES,
    *containers.POLICIES,
    *services.POLICIES,
    *data.POLICIES,
    *tags.POLICIES,
    *providers.POLICIES,
]

__all__ = ["POLICIES"]
