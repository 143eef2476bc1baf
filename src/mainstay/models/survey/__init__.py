"""Every entity's metrics, times and habits against their past: who behaves otherwise, and how sure that is."""

from mainstay.models.survey.facts import Survey
from mainstay.models.survey.weighing import Weighed, reached, weighed

__all__ = ["Survey", "Weighed", "reached", "weighed"]
