"""Days of a small shop as Prometheus could have kept them: a daily rhythm, faults, and rules that told late."""

import math
import random
from dataclasses import dataclass

SERVICES = ("gateway", "orders", "stock")
DAY_S = 86_400


@dataclass(frozen=True)
class Fault:
    """One service fails and slows down; the user's rule tells `told_after_s` later, and until it is over."""

    service: str
    at_s: int
    lasts_s: int
    told_after_s: int = 360


def at_of(fault, second):
    return fault.at_s <= second < fault.at_s + fault.lasts_s


def openmetrics(since_s, until_s, step_s, faults=(), services=SERVICES, seed=1):
    """Lines of OpenMetrics text, ordered by series as `promtool tsdb create-blocks-from openmetrics` wants them."""
    draw = random.Random(seed)
    times = range(since_s, until_s, step_s)
    for number, service in enumerate(services):
        yield from _service(service, number, times, step_s, [f for f in faults if f.service == service], draw)
    yield from _alerts(times, step_s, faults)
    yield "# EOF\n"


def _service(service, number, times, step_s, faults, draw):
    labels = f'env="prod",instance="10.0.0.{number}:80",job="api",service="{service}"'
    rows = {"good": [], "bad": [], "sum": [], "count": [], "memory": [], "up": []}
    good = bad = total = 0.0
    for second in times:
        fault = next((f for f in faults if at_of(f, second)), None)
        rate = 20 + 12 * math.sin(2 * math.pi * second / DAY_S) + draw.gauss(0, 1)
        failing = 0.3 * rate if fault else 0.002 * rate
        slow = 0.4 if fault else 0.05
        good, bad = good + (rate - failing) * step_s, bad + failing * step_s
        total += rate * step_s * slow * draw.uniform(0.9, 1.1)
        rows["good"].append((second, good))
        rows["bad"].append((second, bad))
        rows["sum"].append((second, total))
        rows["count"].append((second, good + bad))
        rows["memory"].append((second, 2e8 * draw.uniform(0.98, 1.02)))
        rows["up"].append((second, 1))
    yield from _lines(f'http_requests_total{{{labels},code="200"}}', rows["good"])
    yield from _lines(f'http_requests_total{{{labels},code="500"}}', rows["bad"])
    yield from _lines(f"http_request_duration_seconds_sum{{{labels}}}", rows["sum"])
    yield from _lines(f"http_request_duration_seconds_count{{{labels}}}", rows["count"])
    yield from _lines(f"process_resident_memory_bytes{{{labels}}}", rows["memory"])
    yield from _lines(f"up{{{labels}}}", rows["up"])


def _alerts(times, step_s, faults):
    for fault in faults:
        labels = f'alertname="HighErrors",env="prod",service="{fault.service}",severity="critical"'
        told = [t for t in times if at_of(fault, t) and t >= fault.at_s + fault.told_after_s]
        yield from _lines(f'ALERTS{{{labels},alertstate="firing"}}', [(t, 1) for t in told])
        yield from _lines(f"ALERTS_FOR_STATE{{{labels}}}", [(t, fault.at_s) for t in told])


def _lines(series, rows):
    for at, value in rows:
        yield f"{series} {value:.6g} {at}\n" if value < 1e6 else f"{series} {value:.3f} {at}\n"
