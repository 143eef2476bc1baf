"""Which entity is the cause, of what kind, how sure, and what speaks for it."""

from mainstay.models.rca.diagnoser import Diagnoser

__all__ = ["Diagnoser"]
