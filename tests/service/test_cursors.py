"""Cursors: accepted only if this API issued them, for the same query, for a day."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cursors import LENGTH_AT_MOST, SECONDS, BadCursor, Cursors

KEY = b"k" * 32
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(min_size=1, max_size=2000))
def test_opens_a_cursor_of_another_process(paging_state: bytes) -> None:
    """A client's next page would be refused, since another task gets the request."""
    cursor = Cursors(KEY, query="q").seal(paging_state)
    assert set(cursor) <= set(_ALPHABET)
    assert len(cursor) <= LENGTH_AT_MOST
    assert Cursors(KEY, query="q").open(cursor) == paging_state


@given(st.binary(min_size=1, max_size=50), st.data())
def test_refuses_a_cursor_that_was_changed_anywhere(paging_state: bytes, data: st.DataObject) -> None:
    """A forged paging state would reach the database."""
    cursors = Cursors(KEY, query="q")
    cursor = cursors.seal(paging_state)
    place = data.draw(st.integers(0, len(cursor)))
    replaced = data.draw(st.integers(0, len(cursor) - place))
    changed = cursor[:place] + data.draw(st.text(st.sampled_from(_ALPHABET + "=+/ %\n"))) + cursor[place + replaced :]
    if changed != cursor:
        with pytest.raises(BadCursor):
            cursors.open(changed)


def test_refuses_another_spelling_of_a_cursor() -> None:
    """One page would have any number of addresses and cache entries, since decoding ignores characters that are not
    base64."""
    cursors = Cursors(KEY, query="q")
    with pytest.raises(BadCursor):
        cursors.open(cursors.seal(b"state") + "%%%%")


@given(st.text())
def test_refuses_any_text_that_is_no_cursor(text: str) -> None:
    """A client that sends a broken cursor would get a server error."""
    with pytest.raises(BadCursor, match="begin again without a cursor"):
        Cursors(KEY, query="q").open(text)


@pytest.mark.parametrize(
    "other", [Cursors(b"l" * 32, query="q"), Cursors(KEY, query="another"), Cursors(None, query="q")]
)
def test_refuses_a_cursor_of_another_key_or_query(other: Cursors) -> None:
    """After a change of the table's columns, a page would begin anywhere."""
    with pytest.raises(BadCursor, match="not one of this list"):
        other.open(Cursors(KEY, query="q").seal(b"state"))


def test_each_process_without_a_key_makes_its_own() -> None:
    """Cursors would be signed with a key that everyone with this program knows."""
    with pytest.raises(BadCursor):
        Cursors(None, query="q").open(Cursors(None, query="q").seal(b"state"))


@pytest.mark.parametrize("cached", [0, 3600])
def test_expires_after_a_day_and_the_time_that_its_answer_may_be_cached(
    cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leaked cursor would stay valid for long, or a cursor from a cached response would be refused."""
    cursors = Cursors(KEY, query="q", cached=cached)
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now)
    cursor = cursors.seal(b"state")
    monkeypatch.setattr(time, "time", lambda: now + SECONDS + cached)
    assert cursors.open(cursor) == b"state"
    monkeypatch.setattr(time, "time", lambda: now + SECONDS + cached + 1)
    with pytest.raises(BadCursor, match="expired"):
        cursors.open(cursor)


def test_decodes_nothing_that_is_longer_than_a_cursor() -> None:
    """An attacker could make the task work hard for cursors that cannot be valid."""
    cursors = Cursors(KEY, query="q")
    cursor = cursors.seal(b"s" * LENGTH_AT_MOST)
    with pytest.raises(BadCursor, match="not one of this list"):
        cursors.open(cursor)
