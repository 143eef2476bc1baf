"""Rules that tell events: counted, not grouped anew; a flood that paused has ended."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from tests.correlate.judges import Judges
from tests.scenarios.drill import ms

from mainstay.correlate import Correlate
from mainstay.detect.book import Book
from mainstay.detect.rules import Rules
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Normal

HOST = "host:p/web"
ESTATE = Topology(entities={HOST: Entity(id=HOST, kind="host", name="web", environment="p", tier=2, owner="ops")})


class Line:
    """Detection's rules and the stage, fed with what a client posts."""

    def __init__(self) -> None:
        self.judges = Judges()
        self.stage, self.rules = Correlate(self.judges), Rules(Book())
        self.incidents: dict[str, Incident] = {}
        self.alerts: dict[str, Alert] = {}
        self.seq = 0

    def post(self, at_s: float, names: Sequence[str] = (), times: int = 1, *, restart: bool = False) -> Effects:
        if restart:
            self.stage.restore(self.stage.snapshot())
        self.seq += 1
        effects = Effects(decided_seq=self.seq)
        told = tuple(event(name, at_s) for name in names for _ in range(times))
        self.rules.apply(told, ms(at_s), effects)
        self.stage.apply(Normal(alerts=told), ESTATE, ms(at_s), effects)
        self.incidents.update(effects.incidents)
        self.alerts.update(effects.alerts)
        return effects

    def flood(self, since_s: int, until_s: int, *names: str, restart: bool = False) -> None:
        for at_s in range(since_s, until_s + 1):
            self.post(at_s, names, times=30, restart=restart)

    @property
    def open(self) -> list[Incident]:
        return [one for one in self.incidents.values() if one.status == "open"]


def event(name: str, at_s: float) -> Alert:
    return Alert(
        id=f"{name}-{at_s:g}", fingerprint=name, entity=HOST, name=name, severity="minor", status="firing",
        since_ms=ms(at_s), at_ms=ms(at_s), ended_ms=ms(at_s) + 300_000, decided_by=VersionRef(f"rule/{name}", 0),
        source="prometheus", subject=f"rule:{name}",
    )  # fmt: skip


def test_what_is_told_again_is_the_same_alert_and_asks_nobody() -> None:
    line = Line()
    for at_s in range(0, 60, 3):
        line.post(at_s, ["denied"], times=5)
    assert len(line.alerts) == len(line.open) == 1
    assert [kind for kind, _ in line.judges.decisions].count("correlator") == 1


def test_a_flood_that_paused_has_ended_and_what_comes_then_is_another() -> None:
    line = Line()
    line.flood(0, 20, "denied", "refused")
    line.flood(29, 40, "denied")
    assert len(line.open) == 2
    first, second = line.open
    assert [g.alert for g in second.groupings] == ["denied-0~22"]
    assert line.alerts["denied-0"].status == "resolved"
    assert line.alerts["denied-0"].ended_ms == ms(20)
    line.post(200)
    line.post(341)
    line.post(370)
    assert line.alerts["denied-0~22"].status == "resolved"
    assert {line.incidents[one.id].status for one in (first, second)} == {"resolved"}
    line.judges.reperform()


@pytest.mark.parametrize("pause_s", [4, 5])
def test_a_flood_that_only_takes_breath_goes_on(pause_s: int) -> None:
    line = Line()
    line.flood(0, 20, "denied")
    line.flood(20 + pause_s, 40, "denied")
    assert len(line.open) == 1


def test_a_steady_drip_is_no_flood_however_long_it_pauses() -> None:
    line = Line()
    for at_s in [*range(0, 600, 2), *range(640, 700, 2)]:
        line.post(at_s, ["denied"])
    assert len(line.open) == 1


def test_a_restart_in_the_middle_of_a_flood_changes_nothing() -> None:
    plain, cut = Line(), Line()
    for line in (plain, cut):
        line.flood(0, 12, "denied", "refused", restart=line is cut)
        line.flood(25, 30, "denied", restart=line is cut)
        line.post(33, ["refused"], restart=line is cut)
    assert plain.incidents == cut.incidents
    assert plain.alerts == cut.alerts
    assert plain.stage.snapshot() == cut.stage.snapshot()


def test_news_of_a_condition_is_news_of_its_latest_episode() -> None:
    line = Line()
    line.flood(0, 20, "denied")
    line.flood(30, 31, "denied")
    worse = msgspec.structs.replace(event("denied", 32), severity="critical")
    effects = Effects(decided_seq=99)
    line.rules.apply([worse], ms(32), effects)
    line.stage.apply(Normal(alerts=(worse,)), ESTATE, ms(32), effects)
    assert list(effects.alerts) == ["denied-0~22"]
    assert [one.severity for one in effects.incidents.values()] == ["critical"]


def test_a_rule_of_the_users_own_is_never_withheld_unless_it_only_informs() -> None:
    line = Line()
    line.post(0, ["denied"])
    assert "never withheld" in line.open[0].groupings[0].why
    quiet = Line()
    effects = Effects(decided_seq=1, alerts={"a": msgspec.structs.replace(event("told", 0), id="a", severity="info")})
    quiet.stage.apply(Normal(), ESTATE, ms(0), effects)
    assert not effects.incidents


def test_every_alert_says_how_critical_its_entity_is_and_whose() -> None:
    line = Line()
    line.post(0, ["denied"])
    assert [(a.tier, a.owner) for a in line.alerts.values()] == [(2, "ops")]


def test_alerts_from_the_past_the_future_and_with_ten_thousand_labels_are_taken() -> None:
    line = Line()
    odd = [
        msgspec.structs.replace(event("old", 0), since_ms=1, id="old"),
        msgspec.structs.replace(event("new", 0), since_ms=ms(10**9), id="new"),
        msgspec.structs.replace(event("wide", 0), labels={f"l{n}": "x" * 50 for n in range(10_000)}, id="wide"),
    ]
    effects = Effects(decided_seq=1, alerts={alert.id: alert for alert in odd})
    line.stage.apply(Normal(alerts=tuple(odd)), ESTATE, ms(0), effects)
    line.post(5, ["denied"])
    assert sum(len(one.groupings) for one in {**effects.incidents, **line.incidents}.values()) >= 4
    grouped = [entry for entry in effects.entries if entry.kind == "grouping"]
    assert max(len(msgspec.json.encode(entry.inputs)) for entry in grouped) < 4_000
