"""Examples for rules/tags.py."""

import json
from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_RULE = "resources-are-tagged"
_TAGS = {"Project": "shop", "Stack": "dev"}
_PROJECT = {"tags": {"Project": "shop"}}


def _topic(provider: dict[str, Any] | None = None, **inputs: Any) -> Given:
    return Given(type="aws:sns/topic:Topic", inputs=inputs, name="alarms", provider=provider)


def _unlisted(**inputs: Any) -> Given:
    return Given(type="aws:athena/workgroup:Workgroup", inputs=inputs, name="reports")


EXAMPLES = [
    Example(rule=_RULE, case="both tags", given=_topic(tags={**_TAGS, "Name": "alarms"})),
    Example(rule=_RULE, case="values not yet known", given=_topic(tags={"Project": UNKNOWN, "Stack": UNKNOWN})),
    Example(
        rule=_RULE,
        case="the provider's default tags, in the resource",
        given=_topic(tags={"Project": "shop"}, tagsAll=_TAGS),
    ),
    Example(
        rule=_RULE,
        case="the provider's default tags, in the stack's settings",
        given=_topic({"defaultTags": json.dumps({"tags": {"Stack": "dev"}})}, tags={"Project": "shop"}),
    ),
    Example(
        rule=_RULE,
        case="the provider's default tags, of a provider in the program",
        given=_topic({"defaultTags": _PROJECT}, tags={"Stack": "dev"}),
    ),
    Example(
        rule=_RULE,
        case="the provider's default tags, not yet known",
        given=_topic({"defaultTags": UNKNOWN}, tags={"Stack": "dev"}),
    ),
    Example(
        rule=_RULE,
        case="what takes none",
        given=Given(type="aws:iam/rolePolicy:RolePolicy", inputs={"role": "orders", "policy": "{}"}),
    ),
    Example(
        rule=_RULE,
        case="names of images, of another provider",
        given=Given(type="docker-build:index:Image", inputs={"tags": ["shop:latest"]}),
    ),
    Example(
        rule=_RULE,
        case="a component, whose children are asked",
        given=Given(type="awsx:ec2:Vpc", inputs={"tags": {"Name": "shop"}}),
    ),
    Example(rule=_RULE, case="other tags by setting", given=_topic(tags=_TAGS), settings={"requiredTags": ["Stack"]}),
    Example(rule=_RULE, case="none", given=_topic(), says=("alarms", "no tag Project, Stack", "add them to tags")),
    Example(rule=_RULE, case="one", given=_topic(tags={"Stack": "dev"}), says=("no tag Project:", "add it to tags")),
    Example(rule=_RULE, case="an empty one", given=_topic(tags={**_TAGS, "Stack": ""}), says=("no tag Stack",)),
    Example(
        rule=_RULE,
        case="one by setting",
        given=_topic(tags=_TAGS),
        settings={"requiredTags": ["CostCenter"]},
        says=("no tag CostCenter",),
    ),
    Example(
        rule=_RULE,
        case="one beside a value not yet known, which makes the provider's whole result unknown",
        given=_topic({"region": "us-east-1"}, tags={"Stack": UNKNOWN}, tagsAll=UNKNOWN),
        says=("no tag Project",),
    ),
    Example(
        rule=_RULE,
        case="none, of a type that only the provider knows to take tags",
        given=_unlisted(tagsAll={}),
        says=("reports", "no tag Project, Stack"),
    ),
    Example(
        rule=_RULE,
        case="other tags, of a type that shows thereby that it takes some",
        given=_unlisted(tags={"Name": "job"}),
        says=("reports", "no tag Project, Stack"),
    ),
]
