"""The AWS account and region a stack is deployed to, as ARNs spell them."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class Account:
    """partition: `aws`, `aws-us-gov`, `aws-cn`, ...; dns_suffix: of its services, such as `amazonaws.com`.

    id: twelve digits; region: such as `us-east-1`.
    """

    partition: pulumi.Output[str]
    dns_suffix: pulumi.Output[str]
    id: pulumi.Output[str]
    region: pulumi.Output[str]

    @classmethod
    def of(cls, parent: pulumi.Resource) -> Account:
        """The account that `parent`'s aws provider is signed in to."""
        opts = pulumi.InvokeOutputOptions(parent=parent)
        partition = aws.get_partition_output(opts=opts)
        return cls(
            partition=partition.partition,
            dns_suffix=partition.dns_suffix,
            id=aws.get_caller_identity_output(opts=opts).account_id,
            region=aws.get_region_output(opts=opts).region,
        )

    def arn(self, service: str, resource: str) -> pulumi.Output[str]:
        return pulumi.Output.format("arn:{0}:{1}:{2}:{3}:{4}", self.partition, service, self.region, self.id, resource)
