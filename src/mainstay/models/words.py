"""Numbers as an operator says them; the words are those of every room."""

from mainstay.domain.words import BYTES, SECONDS, clock, quantity, short, span

__all__ = ["BYTES", "SECONDS", "clock", "quantity", "short", "span"]
