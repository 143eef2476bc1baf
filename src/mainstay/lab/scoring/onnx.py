"""A logistic regression as an ONNX file: the few fields of the format that it takes, and no library.

Source: onnx.proto3 of ONNX 1.12 (IR version 8, opset 13); the numbers below are its field numbers.
"""

from __future__ import annotations

import importlib.util
import os
import struct
from pathlib import Path

from mainstay.lab.scoring.applicants import FEATURES, Logistic

IR_VERSION, OPSET, FLOAT = 8, 13, 1
INPUT, OUTPUT = "features", "probability"


class RuntimeMissing(ImportError):
    """Nothing here can run an ONNX model; the message says what to install."""


def require_runtime(shop: str) -> None:
    """Raise a RuntimeMissing when this environment has no onnxruntime."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise RuntimeMissing(f"shop {shop} serves an ONNX model: pip install 'mainstay[onnx]'")


def write_model(path: Path, model: Logistic) -> None:
    """Replace a model file in one step: whoever loads it sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(encoded(model))
    draft.replace(path)


def encoded(model: Logistic) -> bytes:
    """Gemm, then Sigmoid: f32[n, features] → f32[n, 1]."""
    nodes = [_node("Gemm", (INPUT, "weights", "bias"), "logit"), _node("Sigmoid", ("logit",), OUTPUT)]
    tensors = [
        _tensor("weights", (len(FEATURES), 1), model.weights),
        _tensor("bias", (1,), (model.bias,)),
    ]
    graph = (
        b"".join(_bytes(1, node) for node in nodes) + _text(2, "logistic")
        + b"".join(_bytes(5, tensor) for tensor in tensors)
        + _bytes(11, _value(INPUT, len(FEATURES))) + _bytes(12, _value(OUTPUT, 1))
    )  # fmt: skip
    opset = _text(1, "") + _number(2, OPSET)
    return _number(1, IR_VERSION) + _text(2, "lab") + _bytes(7, graph) + _bytes(8, opset)


def _node(operator: str, inputs: tuple[str, ...], output: str) -> bytes:
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, operator)


def _tensor(name: str, shape: tuple[int, ...], values: tuple[float, ...]) -> bytes:
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(_number(1, size) for size in shape) + _number(2, FLOAT) + _text(8, name) + _bytes(9, raw)


def _value(name: str, columns: int) -> bytes:
    rows, width = _bytes(1, _text(2, "n")), _bytes(1, _number(1, columns))
    tensor = _number(1, FLOAT) + _bytes(2, rows + width)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
