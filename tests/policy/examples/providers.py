"""Examples for rules/providers.py."""

from tests.policy.examples import Example
from tests.policy.validation import Given

_RULE = "resources-are-of-known-providers"


def _given(type_: str, provider: bool = True) -> Given:
    return Given(type=type_, inputs={}, name="orders", provider={} if provider else None)


EXAMPLES = [
    *(
        Example(rule=_RULE, case=type_, given=_given(type_))
        for type_ in (
            "aws:s3/bucket:Bucket",
            "docker-build:index:Image",
            "random:index/randomPassword:RandomPassword",
            "pulumi-python:dynamic/ecs:TaskRun",
            "pulumi:pulumi:StackReference",
        )
    ),
    *(
        Example(rule=_RULE, case=type_, given=_given(type_, provider=False))
        for type_ in ("pulumi:pulumi:Stack", "pulumi:providers:aws", "shop:index:Orders")
    ),
    Example(
        rule=_RULE,
        case="a provider that the settings add",
        given=_given("datadog:index/monitor:Monitor"),
        settings={"knownProviders": ["aws", "datadog"]},
    ),
    *(
        Example(rule=_RULE, case=type_, given=_given(type_), says=("orders", "the provider", "use the aws provider"))
        for type_ in ("aws-native:s3:Bucket", "command:local:Command", "terraform-provider:index:Thing")
    ),
    Example(
        rule=_RULE,
        case="a provider itself",
        given=_given("pulumi:providers:aws-native", provider=False),
        says=("the provider aws-native", "knownProviders"),
    ),
    *(
        Example(rule=_RULE, case=type_, given=_given(type_), says=(type_, "no rule checks"))
        for type_ in (
            "aws:cloudcontrol/resource:Resource",
            "aws:cloudformation/stack:Stack",
            "aws:cloudformation/stackSet:StackSet",
        )
    ),
]
