"""The orders API as its clients use it."""

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.testing import RunningStack

NEW = {"items": ["tea", "bread"], "total": "12.50"}


def place(api: httpx.Client, customer: str = "zoe", body: Any = None, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return api.post(f"/customers/{customer}/orders", json=body or NEW, headers=headers)


def events(api: httpx.Client, order: httpx.Response) -> list[str]:
    return [each["event"] for each in api.get(f"/orders/{order.json()['order_id']}/events").json()]


def test_lists_the_loaded_orders_newest_first_in_pages(api: httpx.Client) -> None:
    """Customers do not see their orders."""
    everything = api.get("/customers/ann/orders").json()
    assert [each["created_at"] for each in everything] == sorted((e["created_at"] for e in everything), reverse=True)
    assert len(everything) == 4
    first = api.get("/customers/ann/orders?limit=3")
    rest = api.get(first.links["next"]["url"])
    assert first.json() + rest.json() == everything
    other = first.links["next"]["url"].replace("ann", "bob")
    assert api.get(other).status_code == 400, "a cursor must not read another customer's orders"


def test_places_an_order_that_can_be_read(api: httpx.Client) -> None:
    """A confirmed order is lost."""
    placed = place(api)
    assert placed.status_code == 201
    assert placed.json() | {"order_id": 0, "created_at": 0} == {
        "customer_id": "zoe",
        "order_id": 0,
        "created_at": 0,
        "status": "new",
        **NEW,
    }
    read = api.get(placed.headers["location"])
    assert (read.json(), read.headers["etag"]) == (placed.json(), placed.headers["etag"])
    assert events(api, placed) == ["placed"]


def test_places_one_order_however_often_it_is_sent(api: httpx.Client) -> None:
    """A customer pays twice, because the first answer was lost."""
    key, customer = str(uuid.uuid4()), f"c-{uuid.uuid4().hex[:8]}"
    with ThreadPoolExecutor() as pool:
        sent = [pool.submit(place, api, customer, key=key) for _ in range(8)]
    answers = [*(each.result() for each in sent), place(api, customer, key=key)]
    assert {(answer.status_code, answer.text, answer.headers["location"]) for answer in answers} == {
        (201, answers[0].text, answers[0].headers["location"])
    }
    assert len(api.get(f"/customers/{customer}/orders").json()) == 1
    assert place(api, customer, {"items": ["soap"], "total": "1.00"}, key).status_code == 422


def test_takes_a_status_by_its_rules(api: httpx.Client) -> None:
    """An order that was not paid is shipped."""
    placed = place(api)
    address = placed.headers["location"]
    assert api.patch(address, json={"status": "shipped"}).status_code == 409
    assert api.patch(address, json={"status": "paid"}).json()["status"] == "paid"
    assert api.patch(address, json={"status": "paid"}).status_code == 200, "a repeated request succeeds"
    assert api.patch(address, json={"status": "cancelled"}).status_code == 409
    assert api.patch(address, json={"status": "shipped"}).json() == api.get(address).json()
    assert events(api, placed) == ["paid", "placed", "shipped"]


def test_changes_only_what_the_client_has_seen(api: httpx.Client) -> None:
    """The slower of two clerks overwrites the change of the faster one."""
    placed = place(api)
    address, tag = placed.headers["location"], placed.headers["etag"]
    assert api.patch(address, json={"status": "paid"}, headers={"If-Match": '"another"'}).status_code == 412
    changed = api.patch(address, json={"status": "paid"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert api.patch(address, json={"status": "shipped"}, headers={"If-Match": tag}).status_code == 412
    assert api.get(address, headers={"If-None-Match": changed.headers["etag"]}).status_code == 304


def test_one_of_two_concurrent_changes_is_applied(api: httpx.Client) -> None:
    """An order is both paid and cancelled."""
    for _ in range(5):
        address = place(api).headers["location"]
        with ThreadPoolExecutor() as pool:
            changes = [pool.submit(api.patch, address, json={"status": each}) for each in ("paid", "cancelled")]
        assert sorted(change.result().status_code for change in changes) == [200, 409]


def test_deletes_an_order_and_keeps_its_events(api: httpx.Client) -> None:
    """The history of a deleted order is lost."""
    placed = place(api)
    assert api.delete(placed.headers["location"]).status_code == 204
    assert api.get(placed.headers["location"]).status_code == 404
    assert api.delete(placed.headers["location"]).status_code == 404
    assert events(api, placed) == ["deleted", "placed"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"items": [], "total": "1.00"}, "The body's items is wrong"),
        ({"items": ["tea", 3], "total": "1.00"}, "The body's items[1] is wrong: expected `str`, got `int`."),
        ({"items": ["tea"], "total": "1"}, "The body's total is wrong"),
        ({"items": ["tea"], "total": "1.00", "status": "paid"}, "unknown field `status`"),
        ({"items": ["tea"]}, "missing required field `total`"),
    ],
)
def test_refuses_an_order_and_names_what_is_wrong(api: httpx.Client, body: Any, detail: str) -> None:
    """A client's developer cannot see which part of an order is wrong."""
    answer = place(api, body=body)
    assert answer.status_code == 400
    assert detail in answer.json()["detail"]


def test_reports_an_unknown_outcome_of_a_change(api: httpx.Client, stack: RunningStack) -> None:
    """A change is made twice, or is reported as failed although it was made."""
    placed = [place(api) for _ in range(20)]
    with stack.injecting(throttle_writes=1):
        answers = [api.patch(each.headers["location"], json={"status": "paid"}) for each in placed[:2]]
        again = place(api)
    for answer in (*answers, again):
        assert answer.status_code == 504
        assert answer.json()["type"] == "/docs#outcome-unknown"
    assert 'id="outcome-unknown"' in api.get("/docs").text
    for each in placed[:2]:  # in either case, a second request completes the change
        assert api.patch(each.headers["location"], json={"status": "paid"}).status_code == 200
        assert events(api, each) == ["paid", "placed"]


def test_bears_faults_without_a_lost_or_a_doubled_order(api: httpx.Client, stack: RunningStack) -> None:
    """Customers pay twice or for lost orders while a table scales up under load."""
    customer = f"c-{uuid.uuid4().hex[:8]}"
    keys = [str(uuid.uuid4()) for _ in range(20)]
    with stack.injecting(throttle_writes=0.2, throttle_reads=0.2):
        for key in keys:
            answers = (place(api, customer, key=key).status_code for _ in itertools.count())
            assert next(status for status in answers if status < 500) == 201
    orders = api.get(f"/customers/{customer}/orders").json()
    assert len(orders) == len(keys)
    for order in orders:
        assert [e["event"] for e in api.get(f"/orders/{order['order_id']}/events").json()] == ["placed"]
