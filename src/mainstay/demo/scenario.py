"""Platform and lab together for a scenario of models."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mainstay.client import Client
from mainstay.demo import served_model
from mainstay.demo.bad_model import BadModel, BadModelReport
from mainstay.demo.drift import SETTINGS, SPAN_S, Drift, DriftReport
from mainstay.demo.pager import Pager
from mainstay.demo.run import Options, approver, lab_of, settings_of
from mainstay.demo.served_model import ServedModel, ServedModelReport
from mainstay.lab.lab import Lab
from mainstay.lab.scoring.onnx import require_runtime
from mainstay.process import PlatformProcess

NORMAL_S = 630.0
"""A training refuses less than ten minutes of data."""
Say = Callable[[str], None]
Tell = Callable[[Client, Lab, Pager, Say], None]


def run_bad_model(options: Options, variant: str, window_s: float = 60.0) -> BadModelReport:
    """A challenger that is worse on purpose."""
    report = BadModelReport(variant=variant, seed=options.seed, window_s=window_s)

    def tell(client: Client, lab: Lab, pager: Pager, say: Say) -> None:
        BadModel(client, approver(client), lab, pager, say).tell(report, _seconds(options, NORMAL_S))

    _run(options, report, tell, {})
    return report


def run_drift(options: Options) -> DriftReport:
    """Another traffic, and then a leak."""
    report = DriftReport(seed=options.seed)

    def tell(client: Client, lab: Lab, pager: Pager, say: Say) -> None:
        Drift(client, approver(client), lab, pager, say).tell(report, _seconds(options, 1.1 * SPAN_S))

    _run(options, report, tell, SETTINGS)
    return report


def run_served_model(options: Options) -> ServedModelReport:
    """A model of the shop goes wrong on purpose.

    Raises:
        RuntimeMissing: Nothing here can run an ONNX model.
    """
    require_runtime(served_model.SHOP)
    report = ServedModelReport(seed=options.seed)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
    mine = dataclasses.replace(options, shop=Path(served_model.SHOP), folder=folder)

    def tell(client: Client, lab: Lab, _: Pager, say: Say) -> None:
        data = PlatformProcess(folder, {}).data
        ServedModel(client, lab, data, say).tell(report, _seconds(options, served_model.NORMAL_S))

    _run(mine, report, tell, {})
    return report


def _run(options: Options, report: msgspec.Struct, tell: Tell, settings: dict[str, Any]) -> None:
    """Start both sides, tell it, stop both, and write the figures whatever happened."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)

    with Pager() as pager:
        told = settings_of(options, folder, folder / "lab") | settings | {"receiver": {"webhook_url": pager.url}}
        platform = PlatformProcess(folder, told, 0)
        client = platform.start()
        lab = lab_of(options, folder, client)
        try:
            lab.start()
            tell(client, lab, pager, say)
        except TimeoutError as error:  # what was seen until then is the report
            say(str(error))
        finally:
            lab.stop()
            platform.stop()
            if options.json_file is not None:
                options.json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _seconds(options: Options, usual: float) -> float:
    return usual if options.minutes is None else options.minutes * 60
