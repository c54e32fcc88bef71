"""Writes by HTTP over a real table: every type, every kind of statement, and the client's responses."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from local_keyspaces.tables import TableSchema
from tests.fakes.every_type import TYPES, VALUES
from tests.keyspaces import LocalKeyspaces
from tests.processes import wait_until
from tests.serving.running import run_service

SHELVES = TableSchema(
    keyspace="writing",
    name="shelves",
    columns={"id": "text", **TYPES},
    partition_key=["id"],
    properties={"ttl": {"status": "enabled"}},
)
COUNTS = TableSchema(keyspace="writing", name="counts", columns={"id": "text", "n": "counter"}, partition_key=["id"])
KEYS = TableSchema(
    keyspace="writing",
    name="keys",
    columns={"key": "text", "fingerprint": "blob", "id": "timeuuid", "location": "text", "answer": "blob"},
    partition_key=["key"],
)


@pytest.fixture(scope="module")
def api(keyspaces: LocalKeyspaces) -> Iterator[httpx.Client]:
    for table in (SHELVES, COUNTS, KEYS):
        keyspaces.create(table)
    more = {"KEYSPACES_TABLE_COUNTS": "counts", "KEYSPACES_TABLE_KEYS": "keys"}
    running = run_service(keyspaces, SHELVES, "tests.fakes.shelves", DEADLINE_SECONDS="2", **more)
    with running as (port, _), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client


@pytest.mark.parametrize("name", VALUES)
def test_writes_and_reads_a_value_of_each_type(api: httpx.Client, name: str) -> None:
    """A client would read another value than it wrote."""
    written = api.put(f"/shelves/{name}", json={name: VALUES[name]})
    assert (written.status_code, written.json()[name]) == (200, VALUES[name])
    assert api.get(f"/shelves/{name}").json()[name] == VALUES[name]


def test_accepts_timestamps_beyond_pythons_years(api: httpx.Client) -> None:
    """A value from the API itself would be refused when a client sends it back."""
    far = "+10000-01-01T00:00:00.001Z"
    assert api.put("/shelves/far", json={"a_timestamp": far}).json()["a_timestamp"] == far


def test_keeps_omitted_fields_and_sets_null_fields_to_null(api: httpx.Client) -> None:
    """A client that knows fewer columns would delete the others' values."""
    api.put("/shelves/part", json={"a_text": "kept", "an_int": 1})
    assert api.put("/shelves/part", json={"an_int": None}).json() == {
        **dict.fromkeys(("id", *TYPES)),
        "id": "part",
        "a_text": "kept",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("an_int", 2**31),
        ("a_tinyint", 128),
        ("a_time", "noon"),
        ("an_inet", "here"),
        ("a_timeuuid", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
    ],
)
def test_refuses_a_value_that_the_column_does_not_take(api: httpx.Client, name: str, value: Any) -> None:
    """A client's mistake would be answered as a defect of the service, or written as another value."""
    answer = api.put("/shelves/wrong", json={name: value})
    assert answer.status_code == 422
    assert answer.json()["detail"] == f"{name.capitalize()} is not a value of type {TYPES[name]}."
    assert api.get("/shelves/wrong").status_code == 404


def test_makes_a_row_once_and_hands_back_the_one_there_is(api: httpx.Client) -> None:
    """The second of two clients would overwrite the first one's row."""
    first = api.post("/shelves/one", json={"a_text": "first"})
    assert (first.status_code, first.headers["location"]) == (201, "/shelves/one")
    second = api.post("/shelves/one", json={"a_text": "second"})
    assert (second.status_code, second.json()["detail"]) == (409, "There is one, with the text first.")


def test_changes_a_row_on_a_condition(api: httpx.Client) -> None:
    """A change would be made on outdated conditions."""
    api.put("/shelves/if", json={"an_int": 1, "a_text": "old"})
    refused = api.patch("/shelves/if?number=2", json={"a_text": "new"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "The number is 1.")
    assert api.patch("/shelves/if?number=1", json={"a_text": "new"}).status_code == 204
    assert api.get("/shelves/if").json()["a_text"] == "new"
    assert api.patch("/shelves/nothing?number=1", json={"a_text": "new"}).json()["detail"] == "The number is None."


def test_counts_appends_expires_and_deletes(api: httpx.Client) -> None:
    """A statement would do something other than its name says."""
    for _ in range(3):
        assert api.post("/counts/c").status_code == 204
        assert api.post("/shelves/listed/list").status_code == 204
    assert api.get("/counts/c").json() == [{"id": "c", "n": 6}]
    assert api.get("/shelves/listed").json()["a_list"] == [7, 7, 7]
    assert api.post("/fleeting/gone", json={"a_text": "soon"}).status_code == 204
    time.sleep(1.5)
    assert api.get("/shelves/gone").status_code == 404
    assert api.delete("/shelves/listed").status_code == 204
    assert api.get("/shelves/listed").status_code == 404


def test_writes_together_and_once(api: httpx.Client) -> None:
    """Half of a move would be made, or a move made again after its response was lost."""
    api.put("/shelves/from", json={"a_text": "moved"})
    key = {"Idempotency-Key": '"a-move"'}
    moved = api.post("/moves/from?to=there", json={"a_text": "moved"}, headers=key)
    assert (moved.status_code, moved.json()["id"]) == (200, "there")
    assert api.get("/shelves/from").status_code == 404
    api.delete("/shelves/there")
    again = api.post("/moves/from?to=there", json={"a_text": "moved"}, headers={"Idempotency-Key": "a-move"})
    assert (again.status_code, again.content) == (200, moved.content)
    assert api.get("/shelves/there").status_code == 404, "the move was made again"
    other = api.post("/moves/from?to=elsewhere", json={"a_text": "moved"}, headers=key)
    assert other.status_code == 422


def test_writes_no_larger_batch_than_keyspaces_accepts(api: httpx.Client) -> None:
    """Keyspaces would refuse the batch, or a batch would pass here that fails there."""
    assert api.post("/crowds/few?size=100").status_code == 204
    assert api.post("/crowds/many?size=101").status_code == 500  # a defect of the program


@pytest.mark.parametrize(
    ("headers", "content", "status", "detail"),
    [
        ({}, b"{}", 415, "Send the body as application/json, with this Content-Type."),
        ({"Content-Type": "text/plain"}, b"{}", 415, "Send the body as application/json"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"{}", 415, "without Content-Encoding"),
        ({"Content-Type": "application/json; charset=utf-8"}, b"", 400, "The body is empty; send a JSON object."),
        ({"Content-Type": "application/json"}, b'{"a_text": ', 400, "The body is not complete JSON in UTF-8."),
        ({"Content-Type": "application/json"}, b"{'a'}", 400, "The body is not JSON from byte 1 on"),
        ({"Content-Type": "application/json"}, b'{"a_text": "\xff"}', 400, "The body is not complete JSON in UTF-8."),
        ({"Content-Type": "application/json"}, b"[]", 400, "The body is wrong: expected `object`, got `array`."),
        ({"Content-Type": "application/json"}, b'{"a_text": 1}', 400, "The body's a_text is wrong: expected `str"),
        ({"Content-Type": "application/json"}, b'{"a_list": [1, "x"]}', 400, "The body's a_list[1] is wrong"),
        ({"Content-Type": "application/json"}, b'{"nothing": 1}', 400, "unknown field `nothing`"),
        ({"Content-Type": "application/json"}, b'{"a_text": "' + b"x" * 70_000 + b'"}', 413, "65536 bytes"),
    ],
)
def test_refuses_a_body_and_names_the_wrong_field(
    api: httpx.Client, headers: dict[str, str], content: bytes, status: int, detail: str
) -> None:
    """A client's developer would have to search for the place of a JSON error."""
    answer = api.put("/shelves/body", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]
    assert b"xxx" not in answer.content


@pytest.mark.parametrize("key", [None, "", "x" * 201, "a b", "ü"])
def test_refuses_an_unusable_key(api: httpx.Client, key: str | None) -> None:
    """Two requests would share one idempotency key, or a request could be sent twice."""
    headers = [] if key is None else [(b"Idempotency-Key", key.encode())]
    answer = api.post("/moves/from?to=there", json={"a_text": "x"}, headers=headers)
    assert answer.status_code == 400
    assert "Send one Idempotency-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("tags", "status"), [('"no"', 412), ("{}", 200), ('"no", {}', 200), ("W/{}", 412), ("*", 200), ("{pretty}", 200)]
)
def test_changes_the_row_that_the_client_has_seen(api: httpx.Client, tags: str, status: int) -> None:
    """The slower of two clients would undo the faster one's change."""
    api.delete("/shelves/seen")
    assert api.put("/shelves/seen", json={"an_int": 1}, headers={"If-Match": "*"}).status_code == 412
    api.put("/shelves/seen", json={"an_int": 1})
    tag, pretty = (api.get(f"/shelves/seen{query}").headers["etag"] for query in ("", "?pretty"))
    given = {"If-Match": tags.replace("{pretty}", pretty).replace("{}", tag)}
    assert api.put("/shelves/seen", json={"an_int": 2}, headers=given).status_code == status
    assert api.get("/shelves/seen").json()["an_int"] == (2 if status == 200 else 1)


def test_retries_only_statements_that_are_safe_to_retry(api: httpx.Client, keyspaces: LocalKeyspaces) -> None:
    """A counter would count twice, or a write would fail although a second attempt is safe."""
    with keyspaces.injecting(throttle_writes=0.3):
        puts = [api.put(f"/shelves/repeat{n}", json={"an_int": n}).status_code for n in range(30)]
        counts = [api.post("/counts/repeat").status_code for _ in range(60)]
    assert puts.count(200) > 25
    assert set(counts) == {204, 504}
    assert api.get("/counts/repeat").json()[0]["n"] == 2 * counts.count(204)


def test_reports_an_unknown_outcome(api: httpx.Client, keyspaces: LocalKeyspaces) -> None:
    """A client would believe that a completed change was not made."""
    with keyspaces.injecting(drop=1.0):
        answers = [api.post("/shelves/listed/list"), api.delete("/shelves/listed")]
    for answer in answers:
        assert answer.status_code in (503, 504)
        assert (answer.status_code == 504) == (answer.json().get("type") == "/docs#outcome-unknown")
    _recovers(api)
    with keyspaces.injecting(latency=3.0):
        answer = api.post("/shelves/listed/list")
    assert (answer.status_code, answer.json()["type"]) == (504, "/docs#outcome-unknown")
    assert "read the row before you send it again" in answer.json()["detail"]
    _recovers(api)


def _recovers(api: httpx.Client) -> None:
    wait_until(lambda: api.get("/counts/repeat").status_code == 200)


def test_a_client_reads_its_own_write_during_an_older_read(api: httpx.Client, keyspaces: LocalKeyspaces) -> None:
    """A client that has written would get a shared read that began before its write."""
    api.put("/shelves/shared", json={"an_int": 0})
    with ThreadPoolExecutor() as pool:
        for number in range(1, 30):
            reads = [pool.submit(api.get, "/shelves/shared") for _ in range(4)]
            api.put("/shelves/shared", json={"an_int": number})
            assert api.get("/shelves/shared").json()["an_int"] == number
            for read in reads:
                read.result()


def test_describes_its_writes_to_machines_and_people(api: httpx.Client) -> None:
    """A client generator could not use the document, or would miss a key or a condition."""
    document = api.get("/openapi.json").json()
    jsonschema_rs.validator_for(OPENAPI_31).validate(document)
    paths = document["paths"]
    move = paths["/moves/{id}"]["post"]
    assert {each["name"] for each in move["parameters"]} >= {"Idempotency-Key", "to", "id"}
    assert move["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Text"}
    assert {"200", "400", "415", "422", "503", "504"} <= move["responses"].keys()
    assert {"201", "409", "415"} <= paths["/shelves/{id}"]["post"]["responses"].keys()
    assert {"204", "409"} <= paths["/shelves/{id}"]["patch"]["responses"].keys()
    assert "412" in paths["/shelves/{id}"]["put"]["responses"]
    page = api.get("/docs").text
    assert "PATCH /shelves/{id}" in page
    assert "curl -i -X PATCH" in page
    assert "--json" in page
