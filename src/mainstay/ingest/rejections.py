"""Why a request is not taken.

::

    BadInput (domain)
    └── Rejected            with its HTTP status
        └── TooLarge        413
"""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.domain.errors import BadInput


class Rejected(BadInput):
    """A request that is answered with `status` and the reason; nothing of it is kept."""

    def __init__(self, status: int, says: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(says)
        self.status, self.headers = status, dict(headers or {})


class TooLarge(Rejected):
    """A body over the limit."""

    def __init__(self, most: int, what: str) -> None:
        super().__init__(413, f"the {what} body is larger than {most} bytes: send smaller batches")
