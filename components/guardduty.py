"""GuardDuty Runtime Monitoring: the permissions and the endpoint that its agent needs in a task."""

from __future__ import annotations

from dataclasses import dataclass

from components.arguments import raise_for
from components.ecr import EcrRepository


@dataclass(frozen=True, kw_only=True)
class GuardDutyAgent:
    """Lets GuardDuty Runtime Monitoring add a container with its agent to each task. GuardDuty does so if Runtime
    Monitoring is on for the account, which this component does not change, and if the cluster does not have the tag
    `GuardDutyManaged` = `false`.

    The execution roles may pull the agent's image too. A new VPC gets an endpoint for `guardduty-data`, to which the
    agent reports, in place of the one that GuardDuty would create there and that would keep the VPC from being deleted;
    with the egress "endpoints", the policy of ECR's endpoints lets the agent's image through. The
    endpoints of an existing VPC are not changed. The agent uses CPU and memory of the task.

    repository: of the agent's image for Fargate in the stack's region, as the GuardDuty user guide lists it ("ECR
    repository for GuardDuty agent on AWS Fargate"), such as
    `593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate`.

    UNVERIFIED on AWS. Raises InvalidArguments.
    """

    repository: str

    def __post_init__(self) -> None:
        raise_for(
            "GuardDutyAgent",
            {
                "repository": None
                if EcrRepository.parse(self.repository)
                else f"is {self.repository!r}; give the one that GuardDuty's guide lists for the region, such as"
                " 593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate"
            },
        )

    def arn(self, partition: str) -> str:
        repository = EcrRepository.parse(self.repository)
        assert repository is not None  # checked above
        return repository.arn(partition)
