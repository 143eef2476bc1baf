"""Stage 3, detect: signals → what the deployed versions say of them → alerts, each with its onset, its band and its author."""

from mainstay.detect.stage import Detect

__all__ = ["Detect"]
