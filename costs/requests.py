"""The cost of a million requests: reads and writes (assumed or measured), answers and log lines."""

from collections.abc import Iterator

from costs.assumptions import REQUESTS, Assumptions
from costs.containers import SERVICE
from costs.data import TABLE, is_on_demand
from costs.items import Item, number
from costs.network import BALANCER, egress, is_public
from costs.prices import DATA_OUT, DAYS, LOAD_BALANCER_CAPACITY, OBJECT_STORAGE, READS, WEB_ACL_REQUESTS, WRITES
from costs.watching import log_items
from declared.program import Program

BUCKET = "aws:s3/bucket:Bucket"
WEB_ACL = "aws:wafv2/webAclAssociation:WebAclAssociation"
_LISTENER = "aws:lb/listener:Listener"
_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
# An LCU-hour is 25 new connections a second or 1 GB, whichever is more (Elastic Load Balancing pricing). Its two other
# dimensions do not matter here: 3,000 concurrent connections, and rules, of which the first ten are free.
_LCU_CONNECTIONS = 25 * 3600
_LCU_GIGABYTES = 1


def request_items(program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """None without a service behind a load balancer. A load balancer that the program does not declare is left out."""
    if not any(service.inputs.get("loadBalancers") for service in program.of_type(SERVICE)):
        return
    size = assumptions.gigabytes
    if any(is_on_demand(table) for table in program.of_type(TABLE)):
        yield Item(what="Keyspaces reads", count=assumptions.read_units * REQUESTS / 1e6, price=READS)
        yield Item(what="Keyspaces writes", count=assumptions.write_units * REQUESTS / 1e6, price=WRITES)
    passed = egress(program, "cassandra")
    if passed is not None:
        yield Item(what=f"CQL by {passed[0]}", count=size(assumptions.cql_bytes), price=passed[1])
    if any(program.of_type(BALANCER)):
        yield from _through_balancers(program, assumptions)
    if any(program.of_type(WEB_ACL)):
        yield Item(what="Requests inspected by AWS WAF", count=REQUESTS / 1e6, price=WEB_ACL_REQUESTS)
    line = assumptions.log_line_bytes + assumptions.log_event_bytes
    yield from log_items("Log lines", size(line), program, assumptions)
    yield from _access_logs(program, assumptions)


def _through_balancers(program: Program, assumptions: Assumptions) -> Iterator[Item]:
    size = assumptions.gigabytes
    yield Item(
        what="Load balancer capacity",
        count=max(
            assumptions.connections * REQUESTS / _LCU_CONNECTIONS,
            size(assumptions.request_bytes + assumptions.response_bytes) / _LCU_GIGABYTES,
        ),
        price=LOAD_BALANCER_CAPACITY,
    )
    if any(is_public(balancer) for balancer in program.of_type(BALANCER)):
        yield Item(what="Answers to the internet", count=size(assumptions.response_bytes), price=DATA_OUT)
        if any(listener.inputs.get("protocol") == "HTTPS" for listener in program.of_type(_LISTENER)):
            handshakes = size(assumptions.connections * assumptions.handshake_bytes)
            yield Item(what="TLS handshakes to the internet", count=handshakes, price=DATA_OUT)


def _access_logs(program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The load balancer's access logs, if the program declares a bucket for them. Their delivery is free."""
    if not any(program.of_type(BUCKET)):
        return
    days = [
        number(lifecycle, "days", rule["expiration"])
        for lifecycle in program.of_type(_LIFECYCLE)
        for rule in lifecycle.inputs.get("rules") or ()
        if (rule.get("expiration") or {}).get("days") is not None
    ]
    kept = max(days, default=assumptions.forever_days)
    stored = assumptions.gigabytes(assumptions.access_log_bytes) * kept / DAYS
    yield Item(what=f"Access logs in S3: storage for {kept:.0f} days", count=stored, price=OBJECT_STORAGE)
