"""Kill -9 between any two durable moments of a training: it goes on where it was, and does nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_between_any_two_steps(tmp_path):
    script = ROOT / "tests" / "durability" / "training_process.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    whole = found.pop()
    assert whole["first"] == 0
    assert whole["status"] == "live"
    assert len(found) >= 20, "every durable moment of the run is one to die at"
    for life in found:
        at = f"killed at moment {life['moment']}: {life}"
        assert (life["first"], life["second"]) == (-9, 0), at
        assert life["status"] == "live", at
        assert set(life["reached"]) == set(whole["reached"]), at
        assert life["artefact"] == whole["artefact"], f"another artefact; {at}"
        assert life["versions"] == ["edges@1", "edges@2"], at
        assert (life["experiments"], life["asked"]) == (1, 1), at
        assert sorted(life["ledger"]) == sorted(whole["ledger"]), at
        assert life["ledger_ok"], at
