"""Writes protobuf's wire format: https://protobuf.dev/programming-guides/encoding/."""

import struct
from collections.abc import Iterable

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_MASK64 = (1 << 64) - 1
_double = struct.Struct("<d")
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))  # every tag and most lengths


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; a negative number in 64-bit two's complement."""
    if 0 <= number < 0x80:
        return _ONE_BYTE[number]
    rest = number & _MASK64
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def integer_field(field: int, number: int) -> bytes:
    """A field of type int32, int64, uint32, uint64 or enum."""
    return varint(field << 3 | _VARINT) + varint(number)


def signed_field(field: int, number: int) -> bytes:
    """A field of type sint32 or sint64: zigzag, so that a small negative number is short."""
    return integer_field(field, number << 1 if number >= 0 else (-number << 1) - 1)


def double_field(field: int, number: float) -> bytes:
    return varint(field << 3 | _FIXED64) + _double.pack(number)


def bytes_field(field: int, content: bytes) -> bytes:
    """A field that holds a message, already written."""
    return varint(field << 3 | _BYTES) + varint(len(content)) + content


def delimited(header: bytes, fields: Iterable[bytes]) -> bytes:
    """A message of a stream: its length comes before it."""
    message = header + b"".join(fields)
    return varint(len(message)) + message


def text_field(field: int, text: str) -> bytes:
    """A string field; what UTF-8 cannot hold (lone surrogates) becomes `?`."""
    return bytes_field(field, text.encode("utf-8", "replace"))
