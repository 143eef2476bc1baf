"""ONNX models written byte by byte, so that a test needs neither `onnx` nor a file in the repository.

Field numbers are those of onnx.proto.
"""

from __future__ import annotations

import struct

FLOAT, INT64 = 1, 7


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    body = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(body)) + body


def node(operator: str, takes: list[str], gives: str, *attributes: bytes, domain: str = "") -> bytes:
    rest = b"".join(field(5, one) for one in attributes) + (field(7, domain) if domain else b"")
    return b"".join(field(1, one) for one in takes) + field(2, gives) + field(4, operator) + rest


def integer(name: str, value: int) -> bytes:
    return field(1, name) + field(3, value) + field(20, 2)


def floats(name: str, shape: list[int], values: list[float], extra: bytes = b"") -> bytes:
    dims = b"".join(field(1, one) for one in shape)
    raw = b"" if extra else field(9, struct.pack(f"<{len(values)}f", *values))
    return dims + field(2, FLOAT) + field(8, name) + raw + extra


def integers(name: str, values: list[int]) -> bytes:
    return field(1, len(values)) + field(2, INT64) + field(8, name) + field(9, struct.pack(f"<{len(values)}q", *values))


def value(name: str, shape: list[int | str], kind: int = FLOAT) -> bytes:
    dims = b"".join(field(1, field(1, one) if isinstance(one, int) else field(2, one)) for one in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def model(nodes: list[bytes], tensors: list[bytes], takes: list[bytes], gives: list[bytes], rest: bytes = b"") -> bytes:
    graph = b"".join(field(1, one) for one in nodes) + field(2, "g")
    graph += b"".join(field(5, one) for one in tensors)
    graph += b"".join(field(11, one) for one in takes) + b"".join(field(12, one) for one in gives)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17)) + rest


def last_is_far(window: int = 16, at: float = 12.0, *, takes=None, gives=None, extra=b"", nodes=(), rest=b"") -> bytes:
    """sigmoid(4 · (|last| − at)): nearly 1 when the last value is more than `at` deviations from the middle."""
    made = [
        node("Gather", ["x", "last"], "l", integer("axis", 1)),
        node("Abs", ["l"], "a"),
        node("Sub", ["a", "at"], "d"),
        node("Mul", ["d", "four"], "m"),
        node("Sigmoid", ["m"], "y"),
        *nodes,
    ]
    tensors = [integers("last", [window - 1]), floats("at", [1], [at]), floats("four", [1], [4.0], extra)]
    return model(made, tensors, takes or [value("x", ["n", window])], gives or [value("y", ["n", 1])], rest)
