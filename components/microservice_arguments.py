"""The check of a microservice's arguments against one another, before anything is created."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pulumi

from components.arguments import none_of, raise_for
from components.network.network import Network
from components.once.once import Once
from components.scheduled.scheduled import Scheduled
from components.secrets.existing import Existing, existing_secrets_mistake
from components.secrets.generated import generated_secrets_mistake
from components.secrets.variables import names_mistake
from components.service.service import Service
from components.service.tracing import tracing_mistake
from components.service.worker import Worker
from components.tables.use import TableUse, uses_mistake
from components.tasks.architecture import Architecture
from components.tasks.image import ExistingImage
from components.tasks.s3_source import S3Source, sources_mistake
from components.tasks.sidecar import Sidecar, sidecars_mistake
from components.tasks.task_definition import check_size


def check_arguments(
    name: str,
    run: Service | Worker | Once | Scheduled,
    *,
    network: Network,
    tables: Sequence[TableUse],
    dockerfile: str | None,
    image: ExistingImage | None,
    variables: Mapping[str, pulumi.Input[str]],
    own_variables: Collection[str],
    generated_secrets: Sequence[str],
    secrets: Mapping[str, Existing],
    sources: Sequence[S3Source],
    sidecars: Sequence[Sidecar],
    cpu: int,
    memory: int,
    architecture: Architecture,
) -> None:
    """The arguments of `KeyspacesMicroservice`. own_variables: names that the component gives the container itself.

    Raises InvalidArguments, with all mistakes.
    """
    check_size(name, cpu=cpu, memory=memory)
    raise_for(name, {"tables": uses_mistake(tables)})
    own = sorted(variables.keys() & own_variables)
    raise_for(
        name,
        {
            "architecture": none_of(architecture, Architecture),
            "dockerfile": "is missing; give the path of one, or an `image` that was built elsewhere"
            if dockerfile is None and image is None
            else None,
            "run": _run_mistake(run, network),
            "variables": f"has {', '.join(own)}, which the component sets; use other names" if own else None,
            "generated_secrets": generated_secrets_mistake(
                generated_secrets, network, own=own_variables, variables=variables.keys()
            ),
            "secrets": names_mistake(
                secrets, own=own_variables, others={"variables": variables, "generated_secrets": generated_secrets}
            )
            or existing_secrets_mistake(secrets, network),
            "sources": sources_mistake(sources, network),
            "sidecars": sidecars_mistake(sidecars, program=name, cpu=cpu, memory=memory, network=network),
        },
    )


def _run_mistake(run: Service | Worker | Once | Scheduled, network: Network) -> str | None:
    if isinstance(run, Service | Worker) and run.exec and not network.sessions:
        return "has exec, which needs NewVpc(session_endpoint=True) where the egress is endpoints"
    return tracing_mistake(network) if isinstance(run, Service) and run.tracing else None
