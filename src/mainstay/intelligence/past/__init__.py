"""What happened before that looked like this, and how it ended."""

from mainstay.intelligence.past.stage import Past

__all__ = ["Past"]
