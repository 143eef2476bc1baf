"""Where a series is going, how sure that is, and when it crosses a line."""

from mainstay.models.forecast.forecaster import Forecaster

__all__ = ["Forecaster"]
