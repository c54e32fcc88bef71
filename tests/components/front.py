"""An environment and microservices behind its load balancer, as the tests of routing and HTTPS declare them."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from components import Environment, ExistingListener, KeyspacesMicroservice, PublicLoadBalancer, Service, Table, read
from declared.program import Program
from tests.evaluation import declare

LISTENER_ARN = (
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2"
)
EXISTING = ExistingListener(
    listener_arn=LISTENER_ARN, security_group_id="sg-0123456789abcdef0", url="https://api.example.com"
)
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666"
WEB_ACL_ARN = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/shop/0a1b2c3d-1111-2222-3333-444455556666"


def declare_front(
    load_balancer: PublicLoadBalancer | ExistingListener | Callable[[], ExistingListener] | None = None,
    *,
    services: dict[str, Service] | None = None,
    protect: bool = False,
    computed: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Program:
    """Declares the environment `shop`, and microservices by name. Outputs: `url` and `suffix` of the load balancer.

    settings: as for `declare`. load_balancer: a function that makes it while the program runs, since outputs need a
    running program.
    """

    def run() -> None:
        options = load_balancer() if callable(load_balancer) else load_balancer
        environment = Environment(
            "shop", keyspace="shop", load_balancer=options, protect=protect, tags={"Team": "shop"}
        )
        table: Any = Table(name="things", columns={"id": "text"}, partition_key=["id"])
        for name, service in (services or {}).items():
            table = KeyspacesMicroservice(
                name,
                environment=environment,
                tables=[read(table)],
                dockerfile="app/countries.Dockerfile",
                command=["serve"],
                run=service,
            ).tables["things"]
        pulumi.export("url", environment.load_balancer.url)
        pulumi.export("suffix", environment.load_balancer.arn_suffix)

    return declare(run, computed=computed, settings=settings)


def urns(program: Program) -> set[str]:
    return {resource.urn for resource in program.resources}
