"""A package of a user's own, as pip would leave it in a folder: one module, and what says what it offers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODULE = '''
"""A detector of my own."""

import msgspec
import numpy as np

from mainstay.domain.protocols import Scored, Transition
from mainstay.domain.state import pack, unpack

print("imported", flush=True)


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    times: float = 4.0
    learn: int = 10


class Known(msgspec.Struct):
    id: int
    entity: str
    metric: str
    most: float = 0.0
    seen: int = 0
    since_ns: int = 0


class OverTheTop:
    """Far above all that the series has done so far."""

    ALGORITHM = "over-the-top"
    STATE = "over-the-top/1"
    KIND = "metrics"
    DEFAULTS = {"times": 4.0, "learn": 10}

    def __init__(self, parameters):
        self._limits = msgspec.convert({**self.DEFAULTS, **parameters}, Limits)
        self._known = {}

    def score(self, normal):
        for one in normal.new_series:
            self._known[one.slot] = Known(one.id, one.entity, one.metric)
        batch = normal.metrics
        if batch is None:
            return Scored()
        scores, told = np.full(len(batch), np.nan), []
        samples = zip(batch.series.tolist(), batch.at_ns.tolist(), batch.value.tolist())
        for i, (slot, at_ns, value) in enumerate(samples):
            known = self._known.get(slot)
            if known is None or not abs(value) < 1e300:
                continue
            inputs = {"known": msgspec.to_builtins(known), "at_ns": at_ns, "value": value}
            output = self.decide(inputs)
            scores[i] = output["p_value"]
            if output["firing"] != bool(known.since_ns):
                known.since_ns = output["since_ns"] if output["firing"] else 0
                told.append(self._transition(inputs, output))
            elif not output["firing"]:
                known.most, known.seen = max(known.most, value), known.seen + 1
        return Scored(tuple(told), scores)

    def decide(self, inputs):
        known, value = inputs["known"], inputs["value"]
        limit = self._limits.times * known["most"] + 20.0
        is_over = known["seen"] >= self._limits.learn and value > limit
        since_ns = known["since_ns"] or inputs["at_ns"]
        return {"firing": is_over, "p_value": 0.001 if is_over else 0.5, "effect": value / limit, "since_ns": since_ns}

    def _transition(self, inputs, output):
        known = inputs["known"]
        word = "over the top" if output["firing"] else "as it was"
        return Transition(
            subject=f"metric:{known['id']}", entity=known["entity"], firing=output["firing"],
            since_ns=min(output["since_ns"], inputs["at_ns"]), at_ns=inputs["at_ns"], name="over the top",
            signal="other", severity="major", channel="level",
            summary=f"{known['metric']} of {known['entity']} is {word}",
            inputs=inputs, output=output, band=None, p_value=output["p_value"],
        )

    def firing(self):
        return tuple((f"metric:{one.id}", "level") for one in self._known.values() if one.since_ns)

    def snapshot(self):
        return pack(self.ALGORITHM, 1, self._known)

    def restore(self, state):
        self._known = unpack(self.ALGORITHM, 1, state, dict[int, Known])


class Forgetful(OverTheTop):
    """What is wrong with it: its state is lost, and calm frightens it."""

    ALGORITHM = "forgetful"
    STATE = "forgetful/1"

    def __init__(self, parameters):
        super().__init__({"times": 0.1, "learn": 3, **{k: v for k, v in parameters.items() if k != "nonsense"}})

    def restore(self, state):
        self._known = {}
'''
METADATA = "Metadata-Version: 2.1\nName: mine\nVersion: {version}\n"
OFFERS = """[mainstay.models]
over-the-top = mine:OverTheTop
forgetful = mine:Forgetful
misnamed = mine:OverTheTop
gone = mine:Gone
broken = nowhere:At
"""


def install(folder: Path, version: str = "1.2", offers: str = OFFERS, name: str = "mine") -> Path:
    """The folder, with the package in it, to be put on sys.path."""
    described = folder / f"{name}-{version}.dist-info"
    described.mkdir(parents=True)
    (folder / f"{name}.py").write_text(MODULE)
    (described / "METADATA").write_text(METADATA.format(version=version).replace("mine", name))
    (described / "entry_points.txt").write_text(offers)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with the package on its path and in its folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def mainstay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, in such a Python."""
    return run(folder, "-c", "from mainstay.cli import main; main()", *arguments)
