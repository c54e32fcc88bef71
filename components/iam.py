"""IAM policy documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi


def allow(actions: Sequence[str], resource: pulumi.Input[str], **more: Any) -> dict[str, Any]:
    """A statement. more: its other elements, such as `Principal`."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def policy_document(statements: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})
