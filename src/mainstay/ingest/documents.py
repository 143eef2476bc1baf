"""JSON bodies."""

from __future__ import annotations

from typing import Any

import msgspec

from mainstay.domain.errors import BadInput


def json_of(body: bytes) -> Any:
    """A JSON body as Python data.

    Raises:
        BadInput: it is not JSON; says where.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"malformed JSON: {error}") from None
