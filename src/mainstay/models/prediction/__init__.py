"""How likely a service has an incident soon, from what leads to incidents."""

from mainstay.models.prediction.predictor import Predictor

__all__ = ["Predictor"]
