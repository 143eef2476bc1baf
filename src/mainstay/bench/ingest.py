"""What it costs to take metrics in: HTTP → fsync → stored → scored, beside Debian's Prometheus with the same load."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from mainstay.bench.load import Load, Sent, send
from mainstay.client import Client
from mainstay.domain.errors import MainstayError
from mainstay.process import PlatformProcess

SETTLES_WITHIN_S = 300.0


def ingest(load: Load) -> dict[str, Any]:
    """Run the load into Mainstay, then into Prometheus when it is installed; figures with units in their names."""
    start_ms = int(time.time() * 1000) - load.rounds * load.step_ms
    bodies = list(load.bodies(start_ms))
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        figures = _mainstay(Path(folder), load, bodies)
    figures |= {"series": load.series, "samples": load.samples}
    if shutil.which("prometheus") is None:
        return figures | {"prometheus_cpu_s_per_m_samples": None, "note": "prometheus is not installed: no peer"}
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        return figures | _prometheus(Path(folder), load, bodies)


def _mainstay(folder: Path, load: Load, bodies: list[bytes]) -> dict[str, Any]:
    platform = PlatformProcess(folder, {"tick_s": 5.0, "quota": {"signals": 4 << 30}})
    client = platform.start()
    try:
        token = client.post("tokens", {"kind": "ingest", "name": "bench"})["token"]
        process = psutil.Process(platform.pid)
        before = _cpu_s(process)
        sent = send(f"{client.url}/api/v1/write", {"Authorization": f"Bearer {token}"}, bodies, load.samples)
        peak = _drained(client, process)
        figures = _figures(sent, _cpu_s(process) - before, peak)
        disk = client.get("status")["disk_bytes"]
    finally:
        platform.stop()
    return figures | {"bytes_per_sample": round(disk / load.samples, 2), "answered_503": sent.refused}


def _drained(client: Client, process: psutil.Process) -> float:
    """Wait until everything acknowledged is stored and scored; the largest memory seen meanwhile, in MB."""
    until = time.monotonic() + SETTLES_WITHIN_S
    peak = 0.0
    while time.monotonic() < until:
        peak = max(peak, process.memory_info().rss / 1e6)
        if client.get("status")["inbox_records"]["all"] < 5:  # a tick may just be on its way
            return peak
        time.sleep(0.2)
    raise MainstayError(f"the load was not worked off within {SETTLES_WITHIN_S:.0f} s")


def _prometheus(folder: Path, load: Load, bodies: list[bytes]) -> dict[str, Any]:
    (folder / "prometheus.yml").write_text("global: {}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603
        ["/usr/bin/env", "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _ready(f"http://127.0.0.1:{port}/-/ready")
        watched = psutil.Process(process.pid)
        before = _cpu_s(watched)
        sent = send(f"http://127.0.0.1:{port}/api/v1/write", {}, bodies, load.samples)
        time.sleep(2)
        figures = _figures(sent, _cpu_s(watched) - before, watched.memory_info().rss / 1e6)
    finally:
        process.terminate()
        process.wait(timeout=30)
    return {f"prometheus_{name}": value for name, value in figures.items()}


def _ready(url: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise MainstayError(f"the peer does not answer at {url}")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _figures(sent: Sent, cpu_s: float, rss_mb: float) -> dict[str, Any]:
    return {
        "samples_per_s": round(sent.samples / sent.seconds),
        "cpu_s_per_m_samples": round(cpu_s / sent.samples * 1e6, 2),
        "rss_mb": round(rss_mb),
    }
