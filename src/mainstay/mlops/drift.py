"""The measures of drift, as the watching of our own models uses them: see `models/drift.py`."""

from __future__ import annotations

from mainstay.models.drift import *  # noqa: F403
