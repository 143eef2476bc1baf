"""Names as people read them."""

from __future__ import annotations


def short(entity: str) -> str:
    """The name of an entity without kind and environment.

    >>> short("service:prod/payments")
    'payments'
    """
    return entity.rpartition("/")[2] or entity
