"""A generated secret's inputs, as the engine hands them to its provider."""

from typing import Any

NAME = "/shop/dev/api/SIGNING_KEY"
TAGS = {"GeneratedFor": "/shop/dev/api", "Stack": "dev"}
PROPS: dict[str, Any] = {
    "parameter": NAME,
    "arn": f"arn:aws:ssm:us-east-1:000000000000:parameter{NAME}",
    "tags": TAGS,
    "connection": {"region": "us-east-1", "account": "000000000000"},
}
