"""A container image: its ECR repository, and its build from source. Deployed by digest."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from components.arguments import InvalidArguments
from components.tasks.architecture import PLATFORMS, Architecture

# ECS may roll back to, or replace a task of, an older deployment: its image must still be there, tagged or not.
_IMAGES_KEPT = 30
_DOCKER_TIMEOUT_SECONDS = 15
_NO_ANSWER = "Docker is needed to build the container images, and it does not answer ({}): start it and run this again."


@dataclass(frozen=True, kw_only=True)
class Image:
    """repository: where images of one microservice live; lifecycle_policy: how many it keeps.

    image: the build; digest: what it built, as `<repository>@sha256:...`.
    """

    repository: aws.ecr.Repository
    lifecycle_policy: aws.ecr.LifecyclePolicy
    image: docker.Image
    digest: pulumi.Output[str]


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

    What the build sees is what `<dockerfile>.dockerignore` lets through; that, the Dockerfile and the architecture
    decide what is built, and nothing else triggers a new build.
    architecture: BuildKit, the provider's default, tells the Dockerfile as TARGETPLATFORM and TARGETARCH, whatever
    machine it builds on (pulumi-docker, provider/image.go). A stage for another architecture than the machine's can run
    commands only under emulation, so it should run none.
    kms_key_arn: of the key that the repository encrypts images with; a repository keeps the one that it was created
    with. ECR uses it by grants that it makes when the repository is created, so that a role that pulls needs no
    permission for it (ECR user guide, "Encryption at rest").
    keep_images: deleting the repository fails while it holds images; otherwise they go with it.
    """
    if not Path(dockerfile).is_file():
        raise InvalidArguments(
            name, {"dockerfile": f"is {dockerfile!r}, which is not there; give a path from the folder of Pulumi.yaml"}
        )
    if not isinstance(get_monitor(), MockMonitor):
        # The provider asks Docker as soon as it is configured, even if nothing is to be built, and fails in words of
        # its own. Under mocks nothing is built.
        require_docker()
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
            "context": str(PurePosixPath(dockerfile).parent),
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
            # There is nothing to delete: the image goes with its repository. So a destroy needs no Docker.
            retain_on_delete=True,
        ),
    )
    return Image(repository=repository, lifecycle_policy=lifecycle_policy, image=image, digest=image.repo_digest)


def require_docker() -> None:
    """Raises DockerUnavailable, in one sentence, unless a Docker engine answers.

    Without a `docker` command it cannot be asked; then a socket at DOCKER_HOST or at the usual place will do.
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
        subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            check=True,
            capture_output=True,
            text=True,
            timeout=_DOCKER_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DockerUnavailable(_NO_ANSWER.format(f"it took more than {_DOCKER_TIMEOUT_SECONDS} s")) from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split()) or f"exit code {error.returncode}"
        raise DockerUnavailable(_NO_ANSWER.format(reason)) from None


class DockerUnavailable(pulumi.RunError):
    """No Docker engine to build images with."""
