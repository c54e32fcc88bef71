"""Data in S3 that a program reads, and the permission to read exactly these objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.account import Account
from components.arguments import raise_for
from components.arns import KMS_KEY
from components.iam import LIST_BUCKET, READ_OBJECT, allow, decrypt
from components.network.network import Network
from components.network.vpc import BUCKET_NAME

# A key with `*`, `?` or `${` would be a pattern in the policy, and permit other objects.
_URI = re.compile(rf"s3://({BUCKET_NAME})/((?:[^*?$\s]|\$(?!\{{))+)")


@dataclass(frozen=True, kw_only=True)
class S3Source:
    """One object in S3, or all objects below a prefix.

    uri: `s3://bucket/key`, or `s3://bucket/prefix/` with a slash at its end.
    kms_key_arn: the key that the objects are encrypted with, if it is one of yours, in the stack's region. Its policy
    must let the role decrypt, or leave this permission to IAM. None: S3's own keys.

    The policy of a bucket in another account must allow the role, too. Raises InvalidArguments.
    """

    uri: str
    kms_key_arn: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        raise_for(
            "S3Source",
            {
                "uri": None
                if _URI.fullmatch(self.uri)
                else f"is {self.uri!r}; name an object, such as s3://bucket/key, or a prefix, such as"
                " s3://bucket/prefix/, without spaces, *, ? and ${",
                "kms_key_arn": KMS_KEY.mistake(self.kms_key_arn),
            },
        )

    @property
    def bucket(self) -> str:
        return self._parts()[0]

    def statements(self, account: Account) -> list[dict[str, Any]]:
        """HeadObject and GetObject of the object; for a prefix, ListObjectsV2, too (S3 user guide, "Required
        permissions for Amazon S3 API operations")."""
        bucket, key = self._parts()
        arn = pulumi.Output.format("arn:{0}:s3:::{1}", account.partition, bucket)
        if key.endswith("/"):
            found = [
                allow(READ_OBJECT, pulumi.Output.format("{0}/{1}*", arn, key)),
                allow(LIST_BUCKET, arn, Condition={"StringLike": {"s3:prefix": [f"{key}*"]}}),
            ]
        else:
            found = [allow(READ_OBJECT, pulumi.Output.format("{0}/{1}", arn, key))]
        if self.kms_key_arn is not None:
            encrypted_with = KMS_KEY.in_region("S3Source", "kms_key_arn", self.kms_key_arn, account)
            found.append(decrypt(encrypted_with, via="s3", region=account.region))
        return found

    def _parts(self) -> tuple[str, str]:
        match = _URI.fullmatch(self.uri)
        assert match is not None  # checked above
        return match[1], match[2]


def sources_mistake(sources: Sequence[S3Source], network: Network) -> str | None:
    """The mistake in the sources, or in reading them in this network."""
    for source in sources:
        if not isinstance(source, S3Source):
            return f"has {source!r}; give an S3Source"
    if network.buckets is None:
        return None
    lacking = sorted({source.bucket for source in sources} - set(network.buckets))
    if lacking:
        return f"is in {', '.join(lacking)}, which NewVpc(buckets={lacking!r}) must allow"
    return None
