"""OTel attributes as labels: every value becomes text, the same for the same value whatever the protocol."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from mainstay.domain.entities import Labels
from mainstay.ingest.limits import MOST_LABELS

TOO_MANY: Labels = (("", ""),) * (MOST_LABELS + 1)
"""Stands for attributes that the gate will refuse by their number."""


def labels_from(attributes: Sequence[Any]) -> Labels:
    """`KeyValue` messages as a label set; of a name given twice the last value counts. Too many are not even read."""
    if len(attributes) > MOST_LABELS:
        return TOO_MANY
    return tuple(sorted({pair.key: text_of(pair.value) for pair in attributes}.items()))


def text_of(value: Any) -> str:
    """An `AnyValue` as text: strings as they are, lists and maps as JSON, bytes in base64, nothing as ""."""
    which = value.WhichOneof("value")
    if which == "string_value":
        return str(value.string_value)
    if which is None:
        return ""
    plain = plain_of(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def plain_of(value: Any) -> Any:
    """An `AnyValue` as Python data."""
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [plain_of(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: plain_of(pair.value) for pair in value.kvlist_value.values}
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, which)
