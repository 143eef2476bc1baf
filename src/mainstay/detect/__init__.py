"""Stage 3, detect: what the deployed versions say of the signals becomes alerts, with onset, band and author."""

from mainstay.detect.explanation import explain
from mainstay.detect.ics import read_calendar
from mainstay.detect.stage import Detect

__all__ = ["Detect", "explain", "read_calendar"]
