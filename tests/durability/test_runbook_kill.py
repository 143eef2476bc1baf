"""Kill -9 between any two durable moments of a runbook: resumed, undone, or asked about; never blindly repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FINAL = {"heals": {"succeeded", "unknown"}, "undoes": {"undone", "unknown"}, "probes": {"succeeded"}}


def lives(folder: Path, scenario: str) -> list[dict]:
    script = ROOT / "tests" / "durability" / "runbook_process.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder), scenario],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["heals", "undoes", "probes"])
def test_killed_between_any_two_steps(tmp_path, scenario):
    found = lives(tmp_path, scenario)
    whole = found.pop()
    assert whole["first"] == 0
    assert len(found) >= 15, "every durable moment of the course is a point to die at"
    for life in found:
        at = f"killed at moment {life['point']}: {life}"
        assert life["second"] == 0, at
        assert life["status"] in FINAL[scenario], at
        assert len(set(life["effects"])) == len(life["effects"]), f"an effect was repeated; {at}"
        assert life["used"] == [True], at
        assert life["ledger_ok"], at
        assert len(set(life["ledger"])) == len(life["ledger"]), at
        assert life["commands"], f"nobody was told; {at}"
        if life["status"] == "unknown":
            assert life["commands"][-1]["escalate"] == "yes", at
            assert "unknown" in life["steps"].values(), at
        else:
            assert life["effects"] == whole["effects"], at
    statuses = {life["status"] for life in found}
    assert statuses == FINAL[scenario], "points between effect and record ask; all others are resumed"
