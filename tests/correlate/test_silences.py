"""Silences and maintenance windows: what is held, what is shown of it, and what pages when they end."""

from __future__ import annotations

import msgspec
from tests.scenarios.drill import Drill, ms, slow
from tests.scenarios.shops import WIDE, entity

from mainstay.correlate import Correlate
from mainstay.domain.signals import Normal
from mainstay.domain.silences import Silence, Weekly, Window, Withholding
from mainstay.matching import matcher_of

CRITICAL = {"severity": "critical"}


def silence(drill: Drill, at_s: float, *matchers: str, until_s: float = 600.0, name: str = "S1") -> str:
    made = Silence(
        id=name, matchers=tuple(map(matcher_of, matchers)), starts_ms=ms(at_s), ends_ms=ms(until_s), by="ada",
        comment="known",
    )  # fmt: skip
    return drill.say("silence", name, at_s, put=msgspec.json.encode(made).decode())


def window(drill: Drill, at_s: float, where: str, until_s: float = 600.0, **fields: object) -> str:
    made = Window(id="W1", entities=(entity(where),), starts_ms=ms(at_s), ends_ms=ms(until_s), by="ada", **fields)  # type: ignore[arg-type]
    return drill.say("maintenance", "W1", at_s, put=msgspec.json.encode(made).decode())


def records(drill: Drill) -> dict[str, Withholding]:
    """The newest state of every page that was held."""
    found = {k: v for e in drill.effects for k, v in e.records.items()}
    return {one.incident: one for one in found.values() if isinstance(one, Withholding)}


def held(drill: Drill, name: str = "INC-1") -> bool:
    return drill.incidents[name].withheld is not None


def test_a_silenced_incident_is_recorded_and_says_why_it_pages_nobody_and_until_when() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"')
    effects = drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    (alert,) = effects.alerts.values()
    incident = drill.incidents["INC-1"]
    assert incident.status == "open"
    assert incident.withheld == alert.withheld
    assert alert.withheld is not None
    assert (alert.withheld.by, alert.withheld.ref, alert.withheld.until_ms) == ("silence", "S1", ms(600))
    assert str(alert.withheld.decided_by) == "user/ada@0"
    assert "silenced by ada until 2027-01-15T08:10:00Z: known" in alert.withheld.why
    assert any("page withheld" in line.says for line in incident.timeline)


def test_every_withheld_page_is_in_the_ledger_and_rests_on_the_silence() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"')
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30)])
    drill.record(Normal(), 40, [slow("cart", "pricing", 21, 40, signal="errors", **CRITICAL)])
    made = next(e for e in drill.entries if e.kind == "silence")
    pages = [e for e in drill.entries if e.kind == "suppression"]
    assert [e.output["severity"] for e in pages] == ["critical"]
    assert made.id in pages[0].rests_on
    assert pages[0].actor == "user:ada"


def test_becoming_worse_while_held_is_one_more_page_that_did_not_leave() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service=~"pric.*"')
    drill.record(Normal(), 30, [slow("", "front", 20, 30), slow("cart", "pricing", 20, 30)])
    assert not held(drill)
    drill = Drill(WIDE)
    silence(drill, 10, 'service=~"pric.*|cart"')
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30), slow("front", "cart", 21, 30)])
    drill.record(Normal(), 40, [slow("cart", "pricing", 20, 40, **CRITICAL)])
    assert records(drill)["INC-1"].pages == 2
    assert len([e for e in drill.entries if e.kind == "suppression"]) == 2


def test_one_alert_that_is_not_silenced_pages_the_incident() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"')
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    assert held(drill)
    drill.record(Normal(), 40, [slow("front", "cart", 22, 40)])
    assert not held(drill)
    record = records(drill)["INC-1"]
    assert (record.status, record.ended_ms) == ("released", ms(40))
    assert any(line.says.startswith("paged now") for line in drill.incidents["INC-1"].timeline)


def test_muted_and_info_alerts_page_nobody_out_of_a_silence() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"')
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    muted = msgspec.structs.replace(slow("front", "cart", 22, 40), suppressed=True, suppressed_by="budget")
    drill.record(Normal(), 40, [muted, slow("front", "cart", 23, 40, severity="info", signal="errors")])
    assert held(drill)


def test_what_burns_when_the_silence_runs_out_pages_then_and_its_alerts_lose_the_mark() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"', until_s=60)
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    drill.record(Normal(), 59)
    assert held(drill)
    effects = drill.record(Normal(), 60)
    assert not held(drill)
    assert [alert.withheld for alert in effects.alerts.values()] == [None]
    assert records(drill)["INC-1"].status == "released"


def test_what_is_over_before_the_silence_is_never_told_and_that_is_kept() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"', until_s=300)
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    drill.record(Normal(), 50, [slow("cart", "pricing", 20, 50, ended_s=50, **CRITICAL)])
    drill.record(Normal(), 80)
    assert drill.incidents["INC-1"].status == "resolved"
    assert records(drill)["INC-1"].status == "over"
    drill.record(Normal(), 301)
    assert drill.incidents["INC-1"].status == "resolved"


def test_a_silence_that_is_ended_extended_or_made_late() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 5, [slow("search", "index", 1, 5, **CRITICAL)])
    silence(drill, 10, 'service=~"pricing|index"', until_s=60)
    assert not held(drill), "what was told stays told"
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    assert drill.say("silence", "S1", 40, ends_ms=str(ms(100))) == "extended, until 2027-01-15T08:01:40Z"
    assert drill.incidents["INC-2"].withheld.until_ms == ms(100)  # type: ignore[union-attr]
    drill.record(Normal(), 70)
    assert held(drill, "INC-2")
    assert drill.say("silence", "S1", 75, ends_ms=str(ms(75))).startswith("ended")
    assert not held(drill, "INC-2")
    assert drill.say("silence", "S1", 80, ends_ms=str(ms(200))) == "S1 is over, or was never made"
    assert [e.output["event"] for e in drill.entries if e.kind == "silence"] == ["made", "extended", "ended"]


def test_another_silence_takes_over_without_a_page_between() -> None:
    drill = Drill(WIDE)
    silence(drill, 10, 'service="pricing"', until_s=60)
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    silence(drill, 40, 'severity="critical"', until_s=120, name="S2")
    drill.record(Normal(), 61)
    assert held(drill)
    record = records(drill)["INC-1"]
    assert (record.ref, record.pages, record.status) == ("S2", 1, "held")


def test_maintenance_holds_a_service_and_its_callers_only_when_told_so() -> None:
    for with_dependents in (False, True):
        drill = Drill(WIDE)
        window(drill, 10, "pricing", with_dependents=with_dependents)
        drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
        assert held(drill)
        drill.record(Normal(), 35, [slow("front", "cart", 22, 35)])
        assert held(drill) == with_dependents
        drill.record(Normal(), 36, [slow("search", "index", 22, 35, **CRITICAL)])
        assert not held(drill, "INC-2" if "INC-2" in drill.incidents else "INC-1") or with_dependents


def test_a_weekly_window_comes_again_and_what_burns_after_it_pages() -> None:
    drill = Drill(WIDE)  # T0 is a Friday, 08:00 UTC
    weekly = Weekly(days=("fri",), at="08:01", minutes=2)
    window(drill, 0, "pricing", until_s=9 * 86_400, weekly=weekly)
    drill.record(Normal(), 30, [slow("cart", "pricing", 20, 30, **CRITICAL)])
    assert not held(drill), "it has not begun"
    week = 7 * 86_400.0
    drill.record(Normal(), week + 70, [slow("search", "index", week, week + 70, **CRITICAL)])
    drill.record(Normal(), week + 71, [slow("rates", "db:main", week, week + 71, **CRITICAL)])
    drill.record(Normal(), week + 72, [slow("orders", "queue:mail", week, week + 72, **CRITICAL)])
    drill.record(Normal(), week + 80, [slow("cart", "pricing", week, week + 80, signal="errors", **CRITICAL)])
    last = drill.stage.incident_of(f"edge:{entity('cart')}>{entity('pricing')}|errors|{week:g}")
    marked = [a for e in drill.effects for a in e.alerts.values() if a.withheld is not None]
    assert {a.about for a in marked} == {entity("pricing")}
    assert marked[0].withheld.until_ms == ms(week + 180)  # type: ignore[union-attr]
    drill.record(Normal(), week + 181)
    assert not held(drill, last)


def test_a_restart_in_the_middle_of_a_silence_goes_on_as_if_it_had_not_been() -> None:
    whole, cut = Drill(WIDE), Drill(WIDE)
    script = [
        (30, [slow("cart", "pricing", 20, 30, **CRITICAL)]),
        (45, [slow("search", "index", 20, 45, **CRITICAL)]),
        (50, [slow("cart", "pricing", 21, 50, signal="errors")]),
        (61, []),
        (70, [slow("cart", "pricing", 20, 70, ended_s=70, **CRITICAL)]),
    ]
    for drill in (whole, cut):
        silence(drill, 10, 'service="pricing"', until_s=60)
        window(drill, 11, "index", until_s=65)
        for at_s, alerts in script:
            if drill is cut:
                stage = Correlate(drill.judges)
                stage.restore(drill.stage.snapshot())
                drill.stage = stage
            drill.record(Normal(), at_s, alerts)
    assert whole.incidents == cut.incidents
    assert records(whole) == records(cut)
    assert [e.id for e in whole.entries] == [e.id for e in cut.entries]
