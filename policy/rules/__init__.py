"""The rules that every stack must keep, whatever it declares.

The engine asks these rules about each resource just before it creates, updates or replaces it, in an update as in a
preview, and a mandatory violation stops it (pulumi/pulumi, `pkg/resource/deploy/step_generator.go`: resources are
analyzed before their steps are made). A preview reports all violations and fails at its end; an update stops at the
first. What is not known in a preview, such as a policy made from the ARN of a resource that does not exist yet, is
therefore judged in the update, still before it takes effect: run the pack with `pulumi up` too, not only with
`pulumi preview`.

The rules about several resources at once (`StackValidationPolicy`) are asked at the end of a preview and, in an
update, when everything is done: there the preview is what keeps a violation from happening.
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
