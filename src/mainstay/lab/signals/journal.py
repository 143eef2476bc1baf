"""A service's log lines: Python logging → OpenTelemetry log records."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LoggerProvider

SEVERITY = {
    "DEBUG": (SeverityNumber.DEBUG, "DEBUG"),
    "INFO": (SeverityNumber.INFO, "INFO"),
    "WARNING": (SeverityNumber.WARN, "WARN"),
    "ERROR": (SeverityNumber.ERROR, "ERROR"),
    "CRITICAL": (SeverityNumber.FATAL, "FATAL"),
}


class Journal(logging.Handler):
    """Sends what a service logs, with its trace and exception.

    The SDK's own handler is deprecated in favour of an instrumentation package; this is the part of it that is needed.
    """

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        number, text = SEVERITY[record.levelname]
        self._provider.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                observed_timestamp=time.time_ns(),
                context=get_current(),
                severity_text=text,
                severity_number=number,
                body=record.getMessage(),
                attributes=_attributes(record),
            )
        )


def _attributes(record: logging.LogRecord) -> dict[str, Any]:
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, error, trace = record.exc_info
    return {
        "exception.type": kind.__name__,
        "exception.message": str(error),
        "exception.stacktrace": "".join(traceback.format_exception(kind, error, trace)),
    }
