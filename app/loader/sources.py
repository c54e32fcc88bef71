"""The sources of data: a file, a folder, standard input, or S3; plain, or compressed with gzip or zstd."""

import gzip
import hashlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

STANDARD_INPUT: Final = "-"
FORMATS: Final = ("csv", "jsonl", "json", "parquet")

_BUFFER: Final = 1024 * 1024  # bytes
_S3_BUFFER: Final = 8 * _BUFFER  # bytes of one request
_HEAD: Final = 64 * 1024
_COMPRESSED: Final = (".gz", ".zst")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class BadData(Exception):
    """The data cannot be loaded; the message has a line for each mistake, with its place in the file."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file. name: for messages. format: one of FORMATS. size: stored bytes; 0 for standard input.

    identity: changes with the content; empty if the source can be read only once.
    """

    name: str
    format: str
    size: int
    identity: str
    stored: Callable[[], BinaryIO]

    @contextmanager
    def open(self) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
        """The decompressed content, and a function for the number of stored bytes read so far. Raises BadData."""
        try:
            with self.stored() as stored:
                counted = _Counted(stored)
                plain = _plain(io.BufferedReader(counted, _BUFFER), self.name)
                yield cast(BinaryIO, plain), lambda: counted.read_bytes
        except (OSError, EOFError, BotoCoreError, ClientError) as error:
            raise BadData(f"{self.name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def find_sources(place: str, format_: str | None, *, region: str | None = None) -> Sequence[Source]:
    """place: a path, `s3://bucket/key`, `s3://bucket/prefix/`, or `-`. format_: for names without a known suffix.
    region: of S3, by default the AWS SDK's; a task without internet can reach only the endpoint of its own region.

    Raises BadData.
    """
    if place == STANDARD_INPUT:
        if format_ is None:
            raise BadData(f"standard input has no suffix that shows its format; give --format {'|'.join(FORMATS)}")
        return [Source(name="stdin", format=format_, size=0, identity="", stored=lambda: sys.stdin.buffer)]
    if place.startswith("s3://"):
        return _in_s3(place, format_, region)
    path = Path(place)
    try:
        if path.is_dir():
            paths = sorted(each for each in path.iterdir() if each.is_file() and (format_ or _format(each.name)))
            if not paths:
                raise BadData(f"{place}: has no file with a known suffix; use {_suffixes()}")
            return [_file(each, format_) for each in paths]
        return [_file(path, format_)]
    except OSError as error:
        raise BadData(f"{path.name}: cannot be read: {error.strerror}") from None


def _file(path: Path, format_: str | None) -> Source:
    about = path.stat()
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(_HEAD)).hexdigest()
    return Source(
        name=path.name,
        format=format_ or _named_format(path.name),
        size=about.st_size,
        identity=f"{path.absolute()} {about.st_size} {about.st_mtime_ns} {head}",
        stored=lambda: path.open("rb", buffering=0),
    )


def _in_s3(place: str, format_: str | None, region: str | None) -> Sequence[Source]:
    import boto3  # imported here, since it takes a third of a second

    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise BadData(f"{place}: names no object; use s3://bucket/key, or s3://bucket/prefix/")
    client = boto3.client("s3", region_name=region)
    try:
        if key.endswith("/"):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
            keys = sorted(each for each in keys if format_ or _format(each))
            if not keys:
                raise BadData(f"{place}: has no object with a known suffix; use {_suffixes()}")
        else:
            keys = [key]
        return [_object(client, bucket, each, format_) for each in keys]
    except ClientError as error:
        # Without ListBucket, a role also gets 403 for a missing object (S3 API reference, HeadObject).
        perhaps = "; the object may not exist" if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403 else ""
        raise BadData(f"{place}: cannot be read: {error}{perhaps}") from error
    except BotoCoreError as error:
        raise BadData(f"{place}: cannot be read: {error}") from error


def _object(client: Any, bucket: str, key: str, format_: str | None) -> Source:
    about = client.head_object(Bucket=bucket, Key=key)
    size, tag = about["ContentLength"], about["ETag"]
    return Source(
        name=f"s3://{bucket}/{key}",
        format=format_ or _named_format(key),
        size=size,
        identity=f"s3://{bucket}/{key} {size} {tag}",
        stored=lambda: cast(BinaryIO, io.BufferedReader(_S3Object(client, bucket, key, size, tag), _S3_BUFFER)),
    )


def _format(name: str) -> str | None:
    path = Path(name)
    suffix = Path(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix
    return suffix[1:] if suffix[1:] in FORMATS else None


def _named_format(name: str) -> str:
    found = _format(name)
    if found is None:
        raise BadData(f"{Path(name).name}: has no known suffix; use {_suffixes()}, or give --format")
    return found


def _suffixes() -> str:
    return ", ".join(f".{each}" for each in FORMATS)


def _plain(stored: io.BufferedReader, name: str) -> io.BufferedReader:
    head = stored.peek(4)[:4]
    if head.startswith(_GZIP):
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stored)), _BUFFER)
    if head.startswith(_ZSTD):
        try:
            import zstandard
        except ImportError:
            raise BadData(f"{name}: is compressed with zstd, and the package zstandard is not installed") from None
        return io.BufferedReader(_Zstd(stored, zstandard.ZstdDecompressor(), zstandard.ZstdError), _BUFFER)
    return stored


class _Raw(io.RawIOBase):
    def readable(self) -> bool:
        return True


class _Zstd(_Raw):
    """Decompresses zstd. Unlike the package's own reader, it detects a truncated file."""

    def __init__(self, stored: io.BufferedReader, decompressor: Any, error: type[Exception]) -> None:
        self._stored, self._decompressor, self._error = stored, decompressor, error
        self._frame: Any = None
        self._compressed = self._plain = b""

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            compressed = self._compressed or self._stored.read1(_HEAD)
            if not compressed:
                if self._frame is not None:
                    raise OSError("it is truncated")
                return 0
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            try:
                self._plain, self._compressed = self._frame.decompress(compressed), b""
            except self._error as error:
                raise OSError(str(error)) from error
            if self._frame.eof:  # another frame may follow
                self._frame, self._compressed = None, self._frame.unused_data
        count = min(len(buffer), len(self._plain))
        buffer[:count], self._plain = self._plain[:count], self._plain[count:]
        return count


class _Counted(_Raw):
    def __init__(self, stored: BinaryIO) -> None:
        self._stored = stored
        self.read_bytes = 0

    def readinto(self, buffer: Any) -> int:
        count = self._stored.readinto(buffer)  # type: ignore[attr-defined]  # all readers that are opened here have it
        self.read_bytes += count
        return int(count)

    def seekable(self) -> bool:
        return self._stored.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stored.seek(offset, whence)

    def tell(self) -> int:
        return self._stored.tell()


class _S3Object(_Raw):
    """Reads an S3 object in ranges; boto3 retries each range. An object that changes during the read is an error."""

    def __init__(self, client: Any, bucket: str, key: str, size: int, tag: str) -> None:
        self._client, self._size, self._at = client, size, 0
        self._wanted = {"Bucket": bucket, "Key": key, "IfMatch": tag}

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        answer = self._client.get_object(**self._wanted, Range=f"bytes={self._at}-{end - 1}")
        content = answer["Body"].read()
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at
