"""A container image, deployed by digest: built from source into a repository of its own, or built elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from components.account import Account
from components.arguments import InvalidArguments, raise_for
from components.ecr import EcrRepository
from components.tasks.architecture import PLATFORMS, Architecture
from components.tasks.build_context import stage_context

# ECS may roll back to an older deployment or replace one of its tasks: its image must still exist, tagged or not.
_IMAGES_KEPT = 30
_DOCKER_TIMEOUT_SECONDS = 15
_NO_ANSWER = "Docker is needed to build the container images, and it does not answer ({}): start it and run this again."
# The first version whose containerd image store accepts a build context as Pulumi's provider sends it (Docker Engine
# release notes, 27.5.0: moby#49194, the backport of moby#49178, for moby#47717).
_OLDEST_ENGINE = (27, 5)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ExistingImage:
    """An image that was built elsewhere, such as by CI, in a private ECR repository.

    Neither a repository nor an image is created, so neither preview nor update needs Docker.

    uri: by digest, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hexadecimal digits>`. It must have
    the microservice's `architecture`. A plain string, so that a preview can check it. The execution role may pull from
    this one repository. An image of another account needs a repository policy there that lets this account pull. With
    the egress "endpoints", whose policy allows only images of this account, an image of another account or region is
    refused. For an image of another registry, use a pull-through cache of ECR.

    Raises InvalidArguments.
    """

    uri: str

    def __post_init__(self) -> None:
        raise_for(
            "ExistingImage",
            {
                "uri": None
                if self.repository and _DIGEST.fullmatch(self.uri.rpartition("@")[2])
                else f"is {self.uri!r}; give an image of a private ECR repository by digest, such as"
                " 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:... with 64 hexadecimal digits"
            },
        )

    @property
    def repository(self) -> EcrRepository | None:
        return EcrRepository.parse(self.uri.rpartition("@")[0])


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """repository: of one microservice's images; lifecycle_policy: limits their number. image: the build."""

    repository: aws.ecr.Repository
    lifecycle_policy: aws.ecr.LifecyclePolicy
    image: docker.Image


@dataclass(frozen=True, kw_only=True)
class Image:
    """digest: `<repository>@sha256:...`. repository_arn: of its repository. built: None for an `ExistingImage`."""

    digest: pulumi.Output[str]
    repository_arn: pulumi.Output[str]
    built: BuiltImage | None


def use_image(name: str, existing: ExistingImage, *, account: Account, endpoints_only: bool) -> Image:
    """endpoints_only: tasks reach only the endpoints of their VPC.

    Raises InvalidArguments, as soon as account and region are known, if the tasks cannot pull the image.
    """
    repository = existing.repository
    assert repository is not None  # ExistingImage checks it

    def arn(known: list[str]) -> str:
        partition, id_, region = known
        mistake = None
        if (partition == "aws-cn") != repository.suffix.endswith(".cn"):
            mistake = f"is {existing.uri}, which is in another partition than {partition}; give one of that partition"
        elif endpoints_only and (repository.account, repository.region) != (id_, region):
            mistake = (
                f"is {existing.uri}, and the endpoints reach only the images of account {id_} in {region}; copy it"
                " there, or use another egress"
            )
        raise_for(name, {"image": mistake})
        return repository.arn(partition)

    return Image(
        digest=pulumi.Output.from_input(existing.uri),
        repository_arn=pulumi.Output.all(account.partition, account.id, account.region).apply(arn),
        built=None,
    )


def create_image(
    name: str,
    *,
    dockerfile: str,
    architecture: Architecture,
    keep_images: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
    kms_key_arn: pulumi.Input[str] | None = None,
) -> Image:
    """Builds `dockerfile` (a path from the project's root) with its folder as the build context.

    The build sees the files that `<dockerfile>.dockerignore` does not exclude. Only a change of the path, the content
    or the executable bit of such a file, or of the Dockerfile or the architecture, causes a new build: `stage_context`
    removes other differences between two checkouts of one commit.
    architecture: BuildKit, the provider's default, passes it to the Dockerfile as TARGETPLATFORM and TARGETARCH, on
    every machine (pulumi-docker, provider/image.go). A stage for another architecture than the machine's can run
    commands only under emulation, so it should run none.
    kms_key_arn: of the key that the repository encrypts images with; a repository keeps the key that it was created
    with. ECR uses the key through grants that it creates with the repository, so that a role that pulls needs no
    permission for the key (ECR user guide, "Encryption at rest").
    keep_images: deleting the repository fails while it holds images; otherwise the images are deleted with it.
    """
    if not Path(dockerfile).is_file():
        raise InvalidArguments(
            name, {"dockerfile": f"is {dockerfile!r}, which does not exist; give a path from the folder of Pulumi.yaml"}
        )
    if not isinstance(get_monitor(), MockMonitor):  # under mocks nothing is built
        # The provider calls Docker as soon as it is configured, even if nothing is to be built, and its own error says
        # less.
        require_docker()
        dockerfile = stage_context(name, dockerfile)
    opts = pulumi.ResourceOptions(parent=parent)
    repository = aws.ecr.Repository(
        name,
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": kms_key_arn}] if kms_key_arn else None,
        force_delete=not keep_images,
        tags=dict(tags),
        opts=opts,
    )
    lifecycle_policy = aws.ecr.LifecyclePolicy(
        name,
        repository=repository.name,
        policy=pulumi.Output.json_dumps(
            {
                "rules": [
                    {
                        "rulePriority": 1,
                        "description": f"Keep the newest {_IMAGES_KEPT} images",
                        "selection": {
                            "tagStatus": "any",
                            "countType": "imageCountMoreThan",
                            "countNumber": _IMAGES_KEPT,
                        },
                        "action": {"type": "expire"},
                    }
                ]
            }
        ),
        opts=opts,
    )
    login = aws.ecr.get_authorization_token_output(
        registry_id=repository.registry_id, opts=pulumi.InvokeOutputOptions(parent=parent)
    )
    image = docker.Image(
        name,
        build={
            "context": str(Path(dockerfile).parent),
            "dockerfile": dockerfile,
            "platform": PLATFORMS[architecture],
        },
        image_name=pulumi.Output.concat(repository.repository_url, ":latest"),
        registry={
            "server": repository.repository_url,
            "username": login.user_name,
            "password": pulumi.Output.secret(login.password),
        },
        opts=pulumi.ResourceOptions(
            parent=parent,
            # The image is deleted with its repository, so that a destroy needs no Docker.
            retain_on_delete=True,
        ),
    )
    return Image(
        digest=image.repo_digest,
        repository_arn=repository.arn,
        built=BuiltImage(repository=repository, lifecycle_policy=lifecycle_policy, image=image),
    )


def require_docker() -> None:
    """Raises DockerUnavailable, in one sentence, unless a Docker engine answers and is new enough.

    Without a `docker` command the version is unknown; then a socket at DOCKER_HOST or at the default path is enough. A
    version that does not begin with numbers, such as that of a custom build, is accepted.
    """
    if shutil.which("docker") is None:
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        if host.startswith("unix://") and not Path(host.removeprefix("unix://")).exists():
            raise DockerUnavailable(
                "Docker is needed to build the container images, and it is not installed here: install it"
                " (https://docs.docker.com/get-docker/), start it, and run this again."
            )
        return
    try:
        version = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            check=True,
            capture_output=True,
            text=True,
            timeout=_DOCKER_TIMEOUT_SECONDS,
        ).stdout.strip()
    except subprocess.TimeoutExpired:
        raise DockerUnavailable(_NO_ANSWER.format(f"it took more than {_DOCKER_TIMEOUT_SECONDS} s")) from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split()) or f"exit code {error.returncode}"
        raise DockerUnavailable(_NO_ANSWER.format(reason)) from None
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < _OLDEST_ENGINE:
        oldest = ".".join(map(str, _OLDEST_ENGINE))
        raise DockerUnavailable(
            f"Docker Engine {version} is too old to build the container images, since it may lose a build's context"
            f" (moby#47717): update it to {oldest} or newer and run this again."
        )


class DockerUnavailable(pulumi.RunError):
    """There is no Docker engine to build images with, or it is too old."""
