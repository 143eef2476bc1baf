"""An ONNX file read as what it is, protobuf, to know before anything runs it that it reaches for nothing outside.

Tensors may lie in files beside a model (`TensorProto.external_data`): such a model would read what its path says, so it
is refused. So are operators of other domains than ONNX's own (one of them loads files by name) and loops, which need
not end. Source: onnx.proto of ONNX 1.23 (IR version 13), https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from mainstay.domain.errors import Corrupt

FIRST_BYTE = b"\x08"
"""Field 1, `ir_version`, as every writer of ONNX begins."""
MOST_BYTES = 32 << 20
MOST_MESSAGES = 500_000
DEEPEST = 24
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "tensor": {},
    "opset": {},
}
"""Which fields of which message hold a message that matters here; every other field is passed over."""


def check_wire(body: bytes) -> None:
    """Nothing, when these bytes are an ONNX model that holds all that it needs.

    Raises:
        Corrupt: They are not, and why.
    """
    if len(body) > MOST_BYTES:
        raise Corrupt(f"an ONNX model of {len(body):,} bytes; {MOST_BYTES:,} are the most")
    if not body.startswith(FIRST_BYTE) or body[4:8] == b"ORTM":  # ORT's own format says so there
        raise Corrupt("not an ONNX model: it begins with other bytes than one does")
    todo, seen, names = [("model", memoryview(body), 0)], 0, set[str]()
    while todo:
        kind, message, depth = todo.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST_MESSAGES:
            raise Corrupt(f"an ONNX model deeper than {DEEPEST} graphs or of more than {MOST_MESSAGES:,} parts")
        for field, value in _fields(message):
            names.add(f"{kind}.{field}")
            inner = _INSIDE[kind].get(field)
            _check(kind, field, value)
            if inner is not None and isinstance(value, memoryview):
                todo.append((inner, value, depth + 1))
    if not {"model.7", "model.8", "graph.1", "graph.11", "graph.12"} <= names:
        raise Corrupt("not an ONNX model: it has no graph with nodes, inputs and outputs, or names no operator set")


def _check(kind: str, field: int, value: memoryview | int) -> None:
    if kind == "tensor" and (field == 13 or (field == 14 and value != 0)):
        raise Corrupt("the model keeps weights in files beside it (external data): save it as one file")
    if kind == "model" and field == 20:
        raise Corrupt("the model carries training steps: export it for inference")
    is_domain = (kind, field) in {("node", 7), ("opset", 1), ("function", 10)}
    if is_domain and isinstance(value, memoryview) and _text(value) not in DOMAINS:
        raise Corrupt(f"the model uses operators of {_text(value)[:80]!r}; only those of ONNX itself are run")
    if (kind, field) == ("node", 4) and isinstance(value, memoryview) and _text(value) in LOOPS:
        raise Corrupt(f"the model has a {_text(value)}, which need not end: export it without")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field number and value: bytes of what has a length, the number of a varint, 0 for fixed ones."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}.get(wire, -1)
        if size < 0 or not field or at + size > len(message):
            raise Corrupt(f"not an ONNX model: byte {at:,} of a part of {len(message):,} is no protobuf")
        yield field, message[at : at + size] if wire == 2 else 0
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise Corrupt("not an ONNX model: a number in it does not end")


def _text(value: memoryview) -> str:
    return bytes(value[:200]).decode("utf-8", "replace")
