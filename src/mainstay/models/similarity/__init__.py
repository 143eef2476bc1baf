"""Which past incidents the one at hand resembles."""

from mainstay.models.similarity.resemblance import Resemblance

__all__ = ["Resemblance"]
