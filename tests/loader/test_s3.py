"""Reading from S3 with exactly the calls that a component's role permits."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from loader.sources import BadData, find_sources

_ROWS = b"id,n\na,1\n"
_HEAD = {"ContentLength": len(_ROWS), "ETag": '"e"'}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Answers in order, and refuses unexpected calls."""
    client = boto3.session.Session("key", "secret", region_name="eu-west-1").client("s3")

    def made(service: str, *, region_name: str | None) -> Any:
        assert (service, region_name) == ("s3", "eu-west-1")
        return client

    monkeypatch.setattr(boto3, "client", made)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _answer_object(s3: Stubber, key: str) -> None:
    s3.add_response("head_object", _HEAD, {"Bucket": "data", "Key": key})


def _answer_content(s3: Stubber, key: str) -> None:
    s3.add_response(
        "get_object",
        {"Body": StreamingBody(io.BytesIO(_ROWS), len(_ROWS))},
        {"Bucket": "data", "Key": key, "IfMatch": '"e"', "Range": f"bytes=0-{len(_ROWS) - 1}"},
    )


def _read(place: str) -> list[bytes]:
    found = []
    for source in find_sources(place, None, region="eu-west-1"):
        with source.open() as (content, _):
            found.append(content.read())
    return found


def test_reads_one_object_by_head_and_get_alone(s3: Stubber) -> None:
    """The loader would make a call that its role does not permit, or use an endpoint that its network does not
    reach."""
    _answer_object(s3, "rows.csv")
    _answer_content(s3, "rows.csv")
    assert _read("s3://data/rows.csv") == [_ROWS]


def test_reads_a_prefix_by_one_listing_of_it(s3: Stubber) -> None:
    """The loader would list more than its role permits, or load a file that is no data."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    listed = [{"Key": key, "LastModified": now, "Size": 1} for key in ("things/", "things/b.csv", "things/readme")]
    s3.add_response("list_objects_v2", {"Contents": listed}, {"Bucket": "data", "Prefix": "things/"})
    _answer_object(s3, "things/b.csv")
    _answer_content(s3, "things/b.csv")
    assert _read("s3://data/things/") == [_ROWS]


def test_reports_that_an_object_may_not_exist(s3: Stubber) -> None:
    """A typing mistake in a key would look like a missing permission, since S3 answers this role 403 for a missing
    object."""
    s3.add_client_error("head_object", "403", "Forbidden", 403)
    with pytest.raises(BadData, match=r"s3://data/row\.csv: cannot be read: .*Forbidden; the object may not exist"):
        _read("s3://data/row.csv")
