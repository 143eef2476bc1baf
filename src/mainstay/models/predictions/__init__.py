"""Models that a user runs in production, watched by one of ours."""

from mainstay.models.predictions.watch import PredictionWatch

__all__ = ["PredictionWatch"]
