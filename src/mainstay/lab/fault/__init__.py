"""Faults: what can go wrong in the shop, really done to it, and the truth about it for the scorer alone."""

from mainstay.lab.fault.cause import Cause
from mainstay.lab.fault.inject import FaultImpossible, inject, is_present, lift
from mainstay.lab.fault.kinds import KINDS
from mainstay.lab.fault.truth import Fault, Truth

__all__ = ["KINDS", "Cause", "Fault", "FaultImpossible", "Truth", "inject", "is_present", "lift"]
