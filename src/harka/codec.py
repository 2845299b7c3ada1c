"""Bytes in, bytes out: the only room that knows orjson and the MessagePack encoder."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import orjson

T = TypeVar("T")

JsonDecodeError = orjson.JSONDecodeError
JsonEncodeError = orjson.JSONEncodeError

_LINES: Final = msgspec.json.Encoder(enc_hook=str)


def json_bytes(value: Any) -> bytes:
    """Encode to JSON; UUIDs and aware datetimes (RFC 3339) included."""
    return orjson.dumps(value, default=_plain)


def sorted_json_bytes(value: Any) -> bytes:
    """Like `json_bytes`, the same for objects that differ in the order of their names."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)


def json_fragment(text: bytes) -> Any:
    """A value for `json_bytes` that is JSON already and is copied as it stands."""
    return orjson.Fragment(text)


def json_lines(structs: Iterable[msgspec.Struct]) -> bytes:
    """Encode each to a line of JSON, all in one call; fields that are `UNSET` are left out."""
    return _LINES.encode_lines(structs)


def from_json(data: bytes | str) -> Any:
    """Raise `JsonDecodeError` on anything that is not JSON."""
    return orjson.loads(data)


def packed(value: Any) -> bytes:
    """MessagePack, for bytes that only HARKA reads back (cursors, cache values, messages)."""
    return msgspec.msgpack.encode(value)


def unpacked(data: bytes, type_: type[T]) -> T:
    """Raise `msgspec.DecodeError` when the bytes are not a `type_`."""
    return msgspec.msgpack.decode(data, type=type_)


def _plain(value: Any) -> str:
    # the database driver's ids are of a subclass, and orjson knows UUID itself only
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__qualname__} has no JSON form")
