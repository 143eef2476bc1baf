"""What changes do: judged afterwards against peers and placebos, foretold from what changes did so far."""

from mainstay.models.impact.placebo import ImpactJudge
from mainstay.models.impact.risk import ChangeRisk

__all__ = ["ChangeRisk", "ImpactJudge"]
