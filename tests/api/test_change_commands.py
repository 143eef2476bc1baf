"""`mainstay changes …` and `mainstay import changes` against a real server: what a person at a terminal reads."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import CliRunner, Result
from tests.api.conftest import Prepared
from tests.api.fake_platform import FakePlatform
from tests.api.test_changes import LOST, PLACED, forecast, impact
from tests.store.control_samples import T0

from mainstay.api import create_app
from mainstay.cli.import_ import import_
from mainstay.cli.insight.changes import changes
from mainstay.domain.changes import AtRisk, PlaceboTally, Reason, SignalEffect
from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadFile
from mainstay.store.mlops import ModelStore

Run = Callable[..., Result]
EXPORT = "number,cmdb_ci,start_date\nCHG1,pay,2026-01-02 10:00:00\nCHG2,cart,2026-01-03 10:00:00\n"


@pytest.fixture
def run(platform: FakePlatform, prepared: Prepared) -> Iterator[Run]:
    platform.control.commit(Effects(decided_seq=1_000_000, changes={"change-1": PLACED, "change-2": LOST}))
    store = ModelStore(platform.control.database, platform.control.tenant, platform.control.feed)
    slower = SignalEffect(
        signal="latency", before=20, after=61, effect=3.05, low=2.5, high=3.7, p_value=0.004, is_harm=True
    )
    said = {
        "services": (AtRisk(entity=PLACED.entity, probability=0.12, hops=0, tier=1),),
        "reasons": (Reason(name="base", odds=0.1364, says="12% of deploy changes"),),
    }
    seen = impact()
    store.save(
        type(seen)(
            **{
                **{name: getattr(seen, name) for name in seen.__struct_fields__},
                "effects": (slower,),
                "felt": ("service:prod/web",),
            }
        ),
        forecast(**said),
        PlaceboTally(judged=20, harmful=1, unsure=2, at_ms=T0),
    )
    platform.clock.at_ms = T0 + 3_600_000
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = uvicorn.Server(uvicorn.Config(create_app(platform), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([free],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        def ask(group: object, *words: str) -> Result:
            return CliRunner().invoke(group, [*words, "--url", url, "--token", prepared.tokens["responder"]])  # type: ignore[arg-type]

        yield ask
        server.should_exit = True
        thread.join()


def test_a_list_names_those_that_nobody_knows(run: Run) -> None:
    found = run(changes, "list")
    assert found.exit_code == 0, found.output
    assert "harmful" in found.output
    assert "no such service is known: nobody" in found.output
    assert json.loads(run(changes, "list", "--json").output)[0]["id"] == "change-2"


def test_one_change_with_its_forecast_and_its_signals(run: Run) -> None:
    says = run(changes, "show", "change-1").output
    for words in ("impact: harmful so far, 35 s after", "latency", "3.05", "felt by: service:prod/web",
                  "odds ×0.1364", "12.0%  service:prod/pay  (changed itself, tier 1)", "Brier 0.7744"):  # fmt: skip
        assert words in says
    assert "impact: not judged" in run(changes, "show", "change-2").output
    assert json.loads(run(changes, "show", "change-1", "--json").output)["impact"]["horizon_s"] == 35.0


def test_a_forecast_by_id_and_calibration(run: Run) -> None:
    assert "forecast: 12 %; risk 14" in run(changes, "assess", "change-1").output
    says = run(changes, "calibration").output
    assert "1 of 1 forecasts scored, 1 changes did harm" in says
    assert "placebo changes: 1 of 20 called harmful (5.0%), 2 without enough evidence" in says
    assert json.loads(run(changes, "calibration", "--json").output)["scored"] == 1


def test_a_plan_in_a_file_is_asked_for_whole(run: Run, platform: FakePlatform, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("- service: pay\n  kind: flag\n")
    assert run(changes, "assess", str(plan)).exit_code != 0  # nothing decides here
    assert [command.kind for command in platform.told] == ["assess-change"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("service: pay\nkind: magic", "plan.yaml:2: invalid enum value 'magic' .at kind."),
        ("service: pay\nsevrice: x", "plan.yaml:2: object contains unknown field `sevrice`"),
        ("kind: flag", "missing required field `service`"),
        ("- service: pay\n- service: cart\n  size: many", "plan.yaml:3: expected `int`, got `str` .at 1.size."),
        ("3", "plan.yaml:1: expected"),
        ("{", "plan.yaml:1: not YAML"),
    ],
)
def test_a_plan_that_does_not_parse_is_refused_with_file_line_and_field(run: Run, tmp_path: Path, text, says) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(text)
    found = run(changes, "assess", str(plan))
    assert isinstance(found.exception, BadFile)
    with pytest.raises(BadFile, match=says):
        raise found.exception


def test_an_export_is_told_whole_or_not_at_all(run: Run, platform: FakePlatform, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text(EXPORT + "CHG3,pay,soon\n")
    found = run(import_, "changes", str(export))
    assert found.exit_code == 2
    assert f"{export}:4: at: expected a time like" in found.output
    assert platform.kept == []
    assert "2 changes read" in run(import_, "changes", str(export), "--skip-bad").output
    assert len(platform.kept) == 1
    export.write_text(EXPORT)
    assert "0 told" in run(import_, "changes", str(export), "--check").output
    assert "2 told" in run(import_, "changes", str(export)).output
