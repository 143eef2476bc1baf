"""What the parts of a service tell with, and the noise they make."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from opentelemetry.trace import Tracer

from mainstay.lab.service.noise import Noise
from mainstay.lab.signals.meters import Meters


@dataclass(frozen=True)
class Instruments:
    """Traces, metrics, log lines and the everyday noise of one process."""

    tracer: Tracer
    meters: Meters
    journal: logging.Logger
    noise: Noise
