"""The stack's settings as arguments of the components, all checked before anything is created.

Pulumi.yaml describes each and gives its default; docs/settings.md says more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components import ExistingImage
from components.tasks.architecture import Architecture
from settings.platform import read_environment, read_table
from settings.service import ServiceSettings, read_image, read_service
from settings.stack_config import StackConfig


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Arguments: environment of `Environment`, table of `Table`, query_api of query-api and its `Service`."""

    environment: Mapping[str, Any]
    table: Mapping[str, Any]
    query_api: ServiceSettings
    architecture: Architecture
    run_id: str
    loader_image: ExistingImage | None


def read_settings() -> Settings:
    """Raises pulumi.RunError naming every setting that is wrong."""
    config = StackConfig()
    settings = Settings(
        environment=read_environment(config),
        table=read_table(config),
        query_api=read_service(config, "query-api", prefix="queryApi"),
        architecture=config.choice("architecture", Architecture).value,
        run_id=config["runId"].value,
        loader_image=read_image(config, "loadCountries"),
    )
    config.finish()
    return settings
