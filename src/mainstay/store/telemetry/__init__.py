"""Telemetry: samples, lines, spans, windows and the catalogue of series, hot in DuckDB and sealed in blocks."""

from mainstay.store.telemetry.store import Telemetry

__all__ = ["Telemetry"]
