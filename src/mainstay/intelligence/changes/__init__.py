"""What changes are expected to do, what they did, and how often we were right."""

from mainstay.intelligence.changes.watch import ChangeWatch

__all__ = ["ChangeWatch"]
