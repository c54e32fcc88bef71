"""The CPU architecture of a microservice, for its image and its tasks."""

from collections.abc import Mapping
from typing import Literal

Architecture = Literal["ARM64", "X86_64"]
"""As ECS spells it (ECS API reference, "RuntimePlatform"). Fargate charges less for ARM64 (Graviton) than for X86_64
("AWS Fargate pricing"); Fargate Spot runs both."""

PLATFORMS: Mapping[Architecture, str] = {"ARM64": "linux/arm64", "X86_64": "linux/amd64"}
"""Docker's name of each architecture."""
