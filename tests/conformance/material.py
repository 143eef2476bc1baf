"""What each detector of the catalogue is fed with: the material of the kit that a user's own detector meets too."""

from mainstay.mlops.own.material import STREAMS, cut, strange

__all__ = ["STREAMS", "cut", "strange"]
