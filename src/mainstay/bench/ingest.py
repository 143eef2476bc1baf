"""What it costs to take metrics in: HTTP → fsync → stored → scored, beside Debian's Prometheus with the same load."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from mainstay.bench.beside import beside
from mainstay.bench.load import Load, Sent, headers_of, send
from mainstay.client import Client
from mainstay.domain.errors import MainstayError
from mainstay.process import PlatformProcess
from mainstay.store.telemetry import Telemetry

SETTLES_WITHIN_S = 300.0
SETTLES_S = 2.0


def ingest(load: Load, beside_s: float = 0.0) -> dict[str, Any]:
    """Run the load into Mainstay, then into Prometheus when it is installed; figures with units in their names.

    The first sample of each series is measured by itself (`…_new_series`): to meet a series costs more than to know it.
    With `beside_s` the load comes at its own pace as well, with questions of the console and trainings beside it.
    """
    start_ms = int(time.time() * 1000) - load.rounds * load.step_ms
    bodies = list(load.bodies(start_ms))
    cut = len(bodies) // load.rounds
    parts = Parts(load.series, bodies[:cut], load.samples - load.series, bodies[cut:])
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        figures = _mainstay(Path(folder), load, parts, beside_s)
    figures |= {"series": load.series, "samples": load.samples}
    if shutil.which("prometheus") is None:
        return figures | {"prometheus_cpu_s_per_m_samples": None, "note": "prometheus is not installed: no peer"}
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        return figures | _prometheus(Path(folder), parts)


@dataclass(frozen=True, slots=True)
class Parts:
    """The load in two: the first sample of each series, and all others."""

    series: int
    first: list[bytes]
    samples: int
    others: list[bytes]


def _mainstay(folder: Path, load: Load, parts: Parts, beside_s: float) -> dict[str, Any]:
    platform = PlatformProcess(folder, {"tick_s": 5.0, "quota": {"signals": 4 << 30}})
    client = platform.start()
    try:
        token = client.post("tokens", {"kind": "ingest", "name": "bench"})["token"]
        process = psutil.Process(platform.pid)
        url = f"{client.url}/api/v1/write"
        _settled(process)  # kernels are loaded in the background: that is the start, not the load
        before = _cpu_s(process)
        first = send(url, headers_of(token), parts.first, parts.series)
        peak = _drained(client, process)
        known = _cpu_s(process)
        sent = send(url, headers_of(token), parts.others, parts.samples)
        peak = max(peak, _drained(client, process))
        figures = _figures(sent, _cpu_s(process) - known, peak) | _figures_of_new(first, known - before)
        figures["answered_503"] = first.refused + sent.refused
        if beside_s:
            figures |= beside(client, token, load, beside_s)
    finally:
        platform.stop()
    return figures | _kept(platform.data / "telemetry", load.samples + figures.get("beside_samples", 0))


def _settled(process: psutil.Process) -> None:
    """Wait until it rests: less than a quarter of a core for two seconds."""
    until = time.monotonic() + SETTLES_WITHIN_S
    used = SETTLES_S
    while used > SETTLES_S / 4 and time.monotonic() < until:
        before = _cpu_s(process)
        time.sleep(SETTLES_S)
        used = _cpu_s(process) - before


def _kept(folder: Path, acknowledged: int) -> dict[str, Any]:
    """What is there after the end, and what it takes: as it was left, and sealed."""
    telemetry = Telemetry(folder, retention_s=10 * 365 * 86_400.0, hot_s=1.0)
    try:
        stored = telemetry.count_of("bench_metric_*")
        hot = telemetry.disk_bytes()
        telemetry.seal(time.time_ns() + 3600 * 10**9)
        sealed = {name: _bytes(folder / "blocks", f"{name}-*.parquet") for name in ("points", "bands")}
    finally:
        telemetry.close()
    return {
        "lost_samples": acknowledged - stored,
        "bytes_per_sample_unsealed": round(hot / stored, 2),
        "bytes_per_sample_sealed": round(sum(sealed.values()) / stored, 2),
        "bytes_per_sample_sealed_points": round(sealed["points"] / stored, 2),
    }


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def _drained(client: Client, process: psutil.Process) -> float:
    """Wait until everything acknowledged is stored and scored; the largest memory seen meanwhile, in MB."""
    until = time.monotonic() + SETTLES_WITHIN_S
    peak = 0.0
    while time.monotonic() < until:
        peak = max(peak, process.memory_info().rss / 1e6)
        if client.get("status")["inbox_records"]["all"] == 0:  # what still waits at the end would count as lost
            return peak
        time.sleep(0.2)
    raise MainstayError(f"the load was not worked off within {SETTLES_WITHIN_S:.0f} s")


def _prometheus(folder: Path, parts: Parts) -> dict[str, Any]:
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
        url = f"http://127.0.0.1:{port}/api/v1/write"
        before = _cpu_s(watched)
        first = send(url, headers_of(), parts.first, parts.series)
        time.sleep(SETTLES_S)
        known = _cpu_s(watched)
        sent = send(url, headers_of(), parts.others, parts.samples)
        time.sleep(SETTLES_S)
        figures = _figures(sent, _cpu_s(watched) - known, watched.memory_info().rss / 1e6)
        figures |= _figures_of_new(first, known - before)
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


def _figures_of_new(first: Sent, cpu_s: float) -> dict[str, Any]:
    return {"cpu_s_per_m_new_series": round(cpu_s / first.samples * 1e6, 2)}
