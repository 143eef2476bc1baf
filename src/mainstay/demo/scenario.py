"""Platform and lab together for a scenario of models."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import msgspec

from mainstay.demo.bad_model import BadModel, BadModelReport
from mainstay.demo.pager import Pager
from mainstay.demo.run import Options, approver, lab_of, settings_of
from mainstay.process import PlatformProcess

NORMAL_MINUTES = 10.5
"""A training refuses less than ten minutes of data."""


def run_bad_model(options: Options, variant: str, window_s: float = 60.0) -> BadModelReport:
    """Run it, stop both sides, write the figures whatever happened."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
    report = BadModelReport(variant=variant, seed=options.seed, window_s=window_s)
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)

    with Pager() as pager:
        settings = settings_of(options, folder, folder / "lab") | {"receiver": {"webhook_url": pager.url}}
        platform = PlatformProcess(folder, settings, 0)
        client = platform.start()
        lab = lab_of(options, folder, client)
        try:
            lab.start()
            minutes = options.minutes if options.minutes is not None else NORMAL_MINUTES
            BadModel(client, approver(client), lab, pager, say).tell(report, minutes * 60)
        finally:
            lab.stop()
            platform.stop()
            if options.json_file is not None:
                options.json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return report
