"""Numbers as an operator says them; the words are those of every room."""

from mainstay.domain.words import clock, quantity, short, span

__all__ = ["clock", "quantity", "short", "span"]
