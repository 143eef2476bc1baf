"""Which alerts belong together: time, the service graph, shared changes, and nothing else."""

from mainstay.models.correlation.correlator import Correlator

__all__ = ["Correlator"]
