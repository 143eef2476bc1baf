"""What an incident means: how bad, for whom, what is felt, and in a few sentences why. Pure functions."""

from mainstay.intelligence.assess import assess

__all__ = ["assess"]
