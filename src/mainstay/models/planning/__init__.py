"""Which runbook, for which suspect, or why none."""

from mainstay.models.planning.planner import Planner

__all__ = ["Planner"]
