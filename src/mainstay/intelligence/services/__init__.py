"""How each service is: what burns its error budget, what is open about it, what is ahead, and whether it speaks."""

from mainstay.intelligence.services.stage import Services

__all__ = ["Services"]
