"""JSON bodies."""

from __future__ import annotations

from typing import Any

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.ingest.rejections import Rejected

MOST_BYTES = 16 << 20  # an empty list takes 2 bytes here and 60 in memory


def json_of(body: bytes) -> Any:
    """A JSON body as Python data.

    Raises:
        Rejected: 413, when it is larger than JSON may be.
        BadInput: it is not JSON; says where.
    """
    if len(body) > MOST_BYTES:
        raise Rejected(413, f"a JSON body is larger than {MOST_BYTES} bytes: send smaller batches, or protobuf")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"malformed JSON: {error}") from None
