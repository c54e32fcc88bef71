"""Malformed and oversized frames must end in an error, and never reach Cassandra, crash the endpoint or show other
data."""

import contextlib
import struct
from collections.abc import Callable

import lz4.block
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_keyspaces import frames, plans, results
from local_keyspaces.frames import COMPRESSED, ErrorCode, FrameBuffer, Opcode, ProtocolError
from local_keyspaces.prepared import Prepared
from local_keyspaces.refusals import Refused
from local_keyspaces.requests import Batch, Execute, Prepare, Query
from tests.keyspaces import LocalKeyspaces
from tests.local_keyspaces.wire import LOCAL_QUORUM, connect, frame, long_bytes, query, query_body, startup, string

GOOD = query_body("SELECT key FROM system.local")
BATCH = b"\x00\x00\x01\x00" + long_bytes(b"INSERT INTO a.b (c) VALUES (1)") + b"\x00\x00" + struct.pack(">HB", 6, 0)
FLAGS_OF_ALL = struct.pack(">HBH", LOCAL_QUORUM, 0x3F | 0x40, 1) + string("n") + long_bytes(b"v")
FLAGS_OF_ALL += struct.pack(">i", 10) + long_bytes(b"state") + struct.pack(">Hq", 8, 1)

DECODERS: list[Callable[[bytes], object]] = [Query.decode, Prepare.decode, Execute.decode, Batch.decode]


@given(st.binary(max_size=200))
def test_decodes_any_value_or_raises_unrepresentable(body: bytes) -> None:
    """A request would get no response, since another exception would end its handling."""
    for decode in DECODERS:
        with contextlib.suppress(ProtocolError):
            decode(body)


@given(st.data())
def test_survives_every_cut_and_every_changed_byte(data: st.DataObject) -> None:
    """A nearly correct message would pass the checks of malformed ones."""
    good, decode = data.draw(
        st.sampled_from(
            [
                (GOOD, Query.decode),
                (long_bytes(b"SELECT") + FLAGS_OF_ALL, Query.decode),
                (b"\x00\x02id" + FLAGS_OF_ALL, Execute.decode),
                (BATCH, Batch.decode),
            ]
        )
    )
    decode(good)
    at = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(ProtocolError):
        decode(good[:at])
    with pytest.raises(ProtocolError):
        decode(good + b"\0")
    changed = bytearray(good)
    changed[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        decode(bytes(changed))


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50), st.booleans())
def test_splits_frames_the_same_way_for_any_pieces(bodies: list[bytes], size: int, compressed: bool) -> None:
    """A request that arrives in pieces would be read as another request."""
    stream = b""
    for number, body in enumerate(bodies):
        sent = len(body).to_bytes(4, "big") + lz4.block.compress(body, store_size=False) if compressed else body
        stream += frame(Opcode.QUERY, sent, stream=number, flags=COMPRESSED if compressed else 0)
    buffer, found = FrameBuffer(1000), []
    for at in range(0, len(stream), size):
        buffer.feed(stream[at : at + size])
        while (taken := buffer.next()) is not None:
            found.append((taken.stream, taken.body))
    assert found == list(enumerate(bodies))


@given(st.binary(max_size=100))
def test_refuses_a_message_with_wrong_compression(body: bytes) -> None:
    """A frame would take more memory than a frame may."""
    with contextlib.suppress(ProtocolError):
        assert len(frames.decompress(body, 1000)) <= 1000


def test_limits_the_size_of_a_decompressed_message() -> None:
    """A few bytes could expand to gigabytes and end the endpoint."""
    bomb = lz4.block.compress(bytes(10_000_000), store_size=False)
    for length in (10_000_000, 1000):
        with pytest.raises(ProtocolError):
            frames.decompress(length.to_bytes(4, "big") + bomb, 1_000_000)


@given(st.binary(max_size=200))
def test_changes_a_result_or_reports_why_not(body: bytes) -> None:
    """A malformed response of Cassandra would reach the client unchecked."""
    for change in (
        lambda body: results.rename_tables(body, lambda table: table),
        lambda body: results.empty_page(body, b"state"),
        results.prepared_id,
    ):
        with contextlib.suppress(ProtocolError):
            change(body)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x00, 0x02, 0x05, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x0F, 0x10, 0x7F]),
            st.one_of(st.binary(max_size=60), st.just(GOOD), st.just(BATCH), st.binary(max_size=20).map(GOOD.__add__)),
            st.sampled_from([0, 0, 0, 1, 2, 4, 8, 0xFF]),
        ),
        max_size=6,
    )
)
def test_answers_or_ends_a_connection_that_sends_nonsense(
    keyspaces: LocalKeyspaces, requests: list[tuple[int, bytes, int]]
) -> None:
    """After a malformed message of one client, the next client would get no response, or the message would reach
    Cassandra."""
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        try:
            for number, (opcode, body, flags) in enumerate(requests):
                client.connection.sendall(frame(opcode, body, stream=number, flags=flags))
            client.connection.settimeout(0.05)
            while client.connection.recv(65536):
                pass
        except (OSError, AssertionError):
            pass
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        opcode, body = client.ask(query("SELECT key FROM system.local"))
        assert opcode == Opcode.RESULT
        assert body.endswith(b"\0\0\0\x05local")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (frame(Opcode.QUERY, GOOD[:-1]), "ends too early"),
        (frame(Opcode.QUERY, GOOD + b"\0"), "1 bytes more"),
        (frame(Opcode.QUERY, long_bytes(b"\xff") + GOOD[-3:]), "not UTF-8"),
        (frame(Opcode.QUERY, long_bytes(b"SELECT") + b"\x00\x06\x80"), "unknown flags"),
        (frame(Opcode.QUERY, long_bytes(b"SELECT") + b"\x00\x63\x00"), "unknown consistency level 99"),
        (frame(Opcode.BATCH, b"\x09" + BATCH[1:]), "unknown kind of batch 9"),
        (frame(Opcode.BATCH, BATCH[:3] + b"\x07" + BATCH[4:]), "unknown kind of statement in a batch 7"),
        (frame(Opcode.REGISTER, b"\x00\x01" + string("GOSSIP")), "unknown events"),
        (frame(Opcode.STARTUP, startup()[9:]), "Unexpected message 0x01"),
        (frame(0x7F), "Unexpected message 0x7F"),
    ],
)
def test_reports_malformed_input_and_continues(keyspaces: LocalKeyspaces, request_: bytes, message: str) -> None:
    """A developer of a client would lose the connection without a message that names the mistake."""
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        code, text = client.ask_error(request_)
        assert (code, message in text) == (ErrorCode.PROTOCOL_ERROR, True), text
        assert client.ask(query("SELECT key FROM system.local"))[0] == Opcode.RESULT


@pytest.mark.parametrize(
    "request_",
    [
        struct.pack(">BBhBI", 4, 0, 7, Opcode.QUERY, 1 << 30),
        struct.pack(">BBhBI", 4, 0, -3, Opcode.QUERY, len(GOOD)) + GOOD,
        struct.pack(">BBhBI", 0x84, 0, 7, Opcode.QUERY, len(GOOD)) + GOOD,
        frame(Opcode.QUERY, b"\x7f\xff\xff\xff1234", flags=COMPRESSED),
        query("SELECT key FROM system.local") * 2,
    ],
    ids=["too long", "reserved stream", "a response", "a bomb", "a stream twice"],
)
def test_ends_a_connection_that_cannot_be_understood(keyspaces: LocalKeyspaces, request_: bytes) -> None:
    """The endpoint would read on after a broken header, and send responses to the wrong requests."""
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        client.connection.sendall(request_)
        data = b""
        while chunk := client.connection.recv(65536):
            data += chunk
        assert len(data) < 1000


def test_refuses_names_for_markers_that_have_none(keyspaces: LocalKeyspaces) -> None:
    """Values bound by name would bypass the limits of Keyspaces."""
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        text = long_bytes(b"SELECT key FROM system.local WHERE key IN ?")
        values = struct.pack(">HBH", LOCAL_QUORUM, 0x41, 1) + string("in(key)") + long_bytes(b"\0\0\0\0")
        code, message = client.ask_error(frame(Opcode.QUERY, text + values))
        assert (code, "given by name" in message) == (ErrorCode.PROTOCOL_ERROR, True)


def test_shortens_rejected_values_in_messages(keyspaces: LocalKeyspaces, caplog: pytest.LogCaptureFixture) -> None:
    """One request would fill the log or the memory."""
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        for name in ("x" * 1_000_000, "\u00e9" * 40_000):
            code, message = client.ask_error(query(f'SELECT * FROM a."{name}"'))
            assert (code, "48 letters" in message, len(message) < 1100) == (ErrorCode.INVALID, True, True)
        client.ask_error(query("SELECT " + "x" * 1_000_000))
    assert all(len(line) < 3000 for line in caplog.messages)


@given(st.text(max_size=5), st.integers(65_530, 65_540))
def test_cuts_a_string_between_characters(text: str, length: int) -> None:
    """A text that is not UTF-8 would close the client's connection."""
    encoded = frames.string("a" * length + "\u00e9" + text.encode(errors="ignore").decode())
    assert len(encoded) <= 2 + 0xFFFF
    assert encoded[2:].decode()


def test_forgets_prepared_statements_by_their_size() -> None:
    """Prepared statements would fill the memory, since the endpoint keeps them for all connections until it ends."""
    prepared = Prepared()
    texts = [f"SELECT a FROM k.t WHERE a = '{str(number) * 1_000_000}'" for number in range(10)]
    for number, text in enumerate(texts):
        plan = plans.read(text, None, shows_peers=True)
        assert isinstance(plan, plans.Plan)
        prepared.add(bytes([number]), plan)
    with pytest.raises(Refused, match="not found"):
        prepared.find(b"\0", shows_peers=True)
    assert prepared.find(b"\x09", shows_peers=True).text == texts[9]


def test_serves_others_when_a_client_disconnects_during_a_request(keyspaces: LocalKeyspaces) -> None:
    """A client that dies in the middle of a frame would block the endpoint."""
    for _ in range(20):
        with connect(keyspaces) as client:
            client.sign_in(keyspaces)
            client.connection.sendall(frame(Opcode.QUERY, GOOD)[:-5])
    with connect(keyspaces) as client:
        client.sign_in(keyspaces)
        assert client.ask(query("SELECT key FROM system.local"))[0] == Opcode.RESULT


def test_ends_connections_that_do_not_sign_in(keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone who can connect could hold connections open for ever."""
    monkeypatch.setattr("local_keyspaces.connection._SIGN_IN_SECONDS", 0.2)
    with connect(keyspaces) as client:
        assert client.is_closed()
