"""Changes, from being told to being judged and scored."""

from __future__ import annotations

import msgspec
import pytest
from tests.intelligence.changed_shop import NAMES, T0, TOPOLOGY, ChangedShop, burning, change, entity

from mainstay.domain.effects import Effects
from mainstay.domain.errors import Corrupt
from mainstay.domain.signals import Normal
from mainstay.intelligence.changes.calibration import calibration
from mainstay.intelligence.changes.questions import callees_of, callers_of, due_ms, spans_until
from mainstay.intelligence.changes.records import what_is_known
from mainstay.ledger import canonical


@pytest.fixture
def shop(tmp_path) -> ChangedShop:
    one = ChangedShop(tmp_path)
    one.run(300)
    return one


def test_a_slow_release_is_harmful_within_a_minute(shop):
    bad = change("pay", 301)
    shop.slower["pay"] = 4.0
    shop.run(60, bad)
    found = shop.impact(bad)
    assert (found.verdict, found.is_final, found.horizon_s) == ("harmful", True, 35.0)
    assert {e.signal for e in found.effects if e.is_harm} == {"latency", "own"}
    assert "latency" in found.says
    assert found.judged_ms - found.at_ms < 60_000
    assert entity("shop") not in found.peers


def test_a_failing_release_is_told_by_those_who_call_it(shop):
    bad = change("stock", 301, kind="config")
    shop.failing["stock"] = 0.4
    shop.run(60, bad)
    [harm] = [e for e in shop.impact(bad).effects if e.is_harm]
    assert harm.signal == "errors"
    assert 0.3 < harm.effect < 0.5
    assert harm.low < harm.effect < harm.high


def test_a_harmless_release_is_looked_at_three_times(shop):
    shop.run(900)
    good = change("pay", 1201)
    shop.run(60, good)
    assert (shop.impact(good).verdict, shop.impact(good).is_final) == ("harmless", False)
    shop.run(330)
    found = shop.impact(good)
    assert (found.verdict, found.is_final, found.horizon_s) == ("harmless", True, 350.0)
    assert [e.id for e in shop.seen.entries if e.kind == "impact"] == [f"impact-{good.id}-{n}" for n in range(3)]


def test_harm_that_comes_late_is_still_found(shop):
    leak = change("pay", 301)
    shop.run(60, leak)
    shop.slower["pay"] = 3.0
    shop.run(120)
    assert (shop.impact(leak).verdict, shop.impact(leak).horizon_s) == ("harmful", 105.0)


def test_every_look_can_be_taken_again(shop):
    bad = change("pay", 301)
    shop.slower["pay"] = 4.0
    shop.run(60, bad)
    entries = [e for e in shop.seen.entries if e.kind in ("impact", "change-forecast")]
    assert len(entries) == 2
    for entry in entries:
        ref = msgspec.convert({"model": entry.actor.split("@")[0], "version": 1}, type(shop.impact(bad).decided_by))
        inputs = msgspec.json.decode(msgspec.json.encode(entry.inputs))
        assert canonical(shop.models.reperform(ref, inputs)) == canonical(entry.output)


def test_what_is_undone_soon_is_judged_by_what_was_seen(shop):
    bad, undone = change("pay", 301), change("pay", 326, kind="rollback")
    shop.slower["pay"] = 4.0
    shop.run(25, bad)
    shop.slower.clear()
    shop.run(60, undone)
    assert (shop.impact(bad).verdict, shop.impact(bad).is_final) == ("harmful", True)
    assert shop.impact(undone).verdict == "harmless"


def test_what_is_changed_again_at_once_cannot_be_told(shop):
    first, second = change("pay", 301), change("pay", 306)
    shop.run(60, first, second)
    assert shop.impact(first).verdict == "not-enough-evidence"
    assert "changed again" in shop.impact(first).says
    assert shop.impact(second).verdict == "harmless"


def test_illness_before_is_no_reference(shop):
    """It burned for two minutes and was mended a minute ago: the reference is what was before that."""
    shop.slower["pay"] = 5.0
    shop.run(120)
    shop.slower.clear()
    shop.watch.state.note([burning("pay", 300, 420)], [])
    shop.run(30)
    good = change("pay", 451)
    shop.run(60, good)
    found = shop.impact(good)
    assert found.verdict == "harmless"
    assert next(e.before for e in found.effects if e.signal == "latency") < 50


def test_a_change_of_an_unknown_service_is_kept_and_not_judged(shop):
    lost = change("nobody", 301, entity="")
    shop.run(60, lost)
    assert not [key for key in shop.seen.records if lost.id in key]


def test_a_service_that_was_never_heard_of_is_not_judged(shop):
    mute = change("mute", 301)
    shop.run(60, mute)
    assert shop.impact(mute).says == "nothing was ever heard of its requests"


def test_a_forecast_is_made_when_nobody_asked_and_scored_when_the_impact_is_final(shop):
    bad = change("pay", 301, author="ada")
    shop.slower["pay"] = 4.0
    shop.run(60, bad)
    made = shop.forecast(f"forecast-{bad.id}")
    assert (made.change, made.outcome, made.is_asked) == (bad.id, "harmful", False)
    assert made.brier == pytest.approx((1 - made.probability) ** 2, abs=1e-6)
    assert [one.entity for one in made.services] == [entity("pay"), entity("shop"), entity("web")]
    again = change("pay", 362, author="ada")
    shop.slower.clear()
    shop.run(60, again)
    assert shop.forecast(f"forecast-{again.id}").probability > made.probability


def test_what_was_asked_before_is_bound_to_the_change_that_comes(shop):
    shop.ask(change("pay", 300, id="plan", version="v2"))
    assert shop.forecast("forecast-asked").change == ""
    other, wanted = change("pay", 301, kind="config"), change("pay", 345, version="v2")
    shop.run(45, other)
    shop.run(400, wanted)
    found = shop.forecast("forecast-asked")
    assert (found.change, found.outcome, found.is_asked, found.by) == (wanted.id, "harmless", True, "ada")
    assert f"change-forecast:forecast-{wanted.id}" not in shop.seen.records
    assert f"change-forecast:forecast-{other.id}" in shop.seen.records


def test_a_plan_for_a_stranger_is_foretold_by_its_kind_alone(shop):
    shop.ask(change("nobody", 300, entity=""))
    found = shop.forecast("forecast-asked")
    assert found.says.startswith("nobody is not known here")
    assert len(found.services) == 1


def test_what_a_change_record_says_of_the_past_counts(shop):
    told = [change("pay", -90_000 - n, id=f"old-{n}", outcome="failed" if n < 6 else "successful") for n in range(8)]
    shop.feed(Normal(changes=tuple(told), at_ns=(T0 + 300_000) * 1_000_000))
    assert not shop.watch.state.watched
    assert shop.watch.state.record(f"service:{entity('pay')}|deploy") == (8, 6)
    shop.ask(change("pay", 300))
    assert shop.forecast("forecast-asked").probability > 0.4


def test_what_stands_as_harmless_counts_before_it_is_final(shop):
    """Harm is final six times sooner: without this, the known rate would be too high for as long."""
    good = change("pay", 301, author="ada")
    shop.run(60, good)
    assert shop.watch.state.record("kind:deploy") == (0, 0)
    known = what_is_known(good, entity("pay"), shop.watch.state)
    assert (known["of_kinds"], known["of_service"], known["of_author"]) == ({"deploy": (1, 0)}, (1, 0), (1, 0))
    assert known["of_facts"] == {"new_author": (1, 0)}
    shop.run(330)
    assert what_is_known(good, entity("pay"), shop.watch.state) == known
    assert shop.watch.state.record("fact:new_author|deploy") == (1, 0)


def test_a_scored_forecast_counts_for_its_base_and_for_its_factors(shop):
    bad = change("pay", 301)
    shop.slower["pay"] = 4.0
    shop.run(60, bad)
    assert shop.watch.state.skill == pytest.approx((1, 0.88**2, 0.88**2))
    found = calibration([shop.forecast(f"forecast-{bad.id}")], None)
    assert found.brier_of_known_rate == pytest.approx(0.88**2)


def test_our_own_actions_are_not_judged_but_end_what_is(shop):
    bad, ours = change("pay", 301), change("pay", 330, by_mainstay=True)
    shop.slower["pay"] = 4.0
    shop.run(60, bad, ours)
    assert shop.impact(bad).verdict == "harmful"
    assert f"change-impact:{ours.id}" not in shop.seen.records


def test_a_deployment_that_is_told_twice_is_one_change_at_its_later_time(shop):
    requested = change("pay", 301, id="deployment-7")
    done = change("pay", 340, id="deployment-7")
    shop.run(20, requested)
    shop.run(80, done)
    assert shop.impact(done).at_ms == done.at_ms


def test_placebos_are_judged_every_minute_and_seldom_harmful(shop):
    shop.run(1500)
    tally = shop.seen.records["placebo-tally:placebos"]
    assert tally.judged >= 24
    assert tally.harmful <= 2


def test_a_restart_in_the_middle_changes_nothing(tmp_path):
    seen = []
    for restarts in (False, True):
        shop = ChangedShop(tmp_path / str(restarts), seed=4)
        shop.run(300)
        shop.slower["pay"] = 4.0
        bad, good = change("pay", 301), change("mail", 302)
        for _ in range(12):
            shop.run(5, *(one for one in (bad, good) if shop.now_s == 300))
            if restarts:
                state = shop.watch.snapshot()
                shop.watch = shop.fresh()
                shop.watch.restore(state)
                assert shop.watch.snapshot() == state
        seen.append(msgspec.json.encode([shop.seen.records, shop.seen.entries], order="deterministic"))
    assert seen[0] == seen[1]


def test_a_hundred_changes_at_once_wait_their_turn(shop):
    many = [change(NAMES[n % 8], 301 + n % 3 / 10, id=f"many-{n}") for n in range(100)]
    shop.run(5, *many)
    told = []
    for _ in range(36):
        before = len(shop.seen.entries)
        shop.run(5)
        told.append(sum(entry.kind == "impact" for entry in shop.seen.entries[before:]))
    assert max(told) <= 4
    assert all(one.is_over or one.impact for one in shop.watch.state.watched.values())


def test_a_flood_of_changes_is_kept_and_not_judged(shop, monkeypatch):
    monkeypatch.setattr("mainstay.intelligence.changes.watch.MOST_WATCHED", 10)
    shop.run(5, *(change("pay", 301, id=f"flood-{n}") for n in range(30)))
    assert (len(shop.watch.state.watched), shop.watch.state.unwatched) == (10, 20)


def test_a_state_of_another_format_is_refused(shop):
    with pytest.raises(Corrupt, match="changes"):
        shop.watch.restore(b"nothing")


def test_samples_of_long_ago_and_of_the_future_are_left_out(tmp_path):
    shop = ChangedShop(tmp_path)
    shop.run(60)
    for at_s in (-90_000, 90_000):
        normal = shop.window(T0 + at_s * 1000)
        effects = Effects()
        shop.watch.apply(received_now(normal), TOPOLOGY, T0 + 60_000, effects)
    values = shop.watch.rings.values([entity("pay")], shop.watch.rings.head - 11, 1, 12)
    assert values.shape == (1, 7, 12)
    assert (values[0, 3] < 30).all()


def received_now(normal: Normal) -> Normal:
    """The same samples in a record of now."""
    return Normal(metrics=normal.metrics, edges=normal.edges, at_ns=(T0 + 60_000) * 1_000_000)


def test_rings_hold_so_many_services_and_say_how_many_they_refused(shop, monkeypatch):
    monkeypatch.setattr("mainstay.intelligence.changes.rings.MOST_ROWS", len(NAMES))
    late = change("late", 301)
    shop.run(10, late)
    shop.watch.rings._row(entity("late"))
    assert (shop.watch.rings.refused, len(shop.watch.rings.rows)) == (1, len(NAMES))


def test_looks_end_after_half_a_minute_two_and_six():
    assert [(due_ms(T0, look) - T0) / 1000 for look in range(3)] == [35, 105, 350]
    assert spans_until(T0, T0 + 26_000, 0) == 5
    assert spans_until(T0, T0 + 6_000, 0) == 1


def test_circles_of_calls_are_walked_once():
    assert callers_of(TOPOLOGY, entity("stock")) == [(entity("cart"), 1), (entity("shop"), 2), (entity("web"), 3)]
    assert [name for name, _ in callees_of(TOPOLOGY, entity("shop"))] == [entity(n) for n in ("cart", "pay", "stock")]


def test_calibration_counts_what_was_scored(shop):
    good, bad = change("mail", 301), change("pay", 302)
    shop.slower["pay"] = 4.0
    shop.run(420, good, bad)
    forecasts = [one for key, one in shop.seen.records.items() if key.startswith("change-forecast")]
    found = calibration(forecasts, shop.watch.state.tally)
    assert (found.forecasts, found.scored, found.harmful, found.unsure) == (2, 2, 1, 0)
    assert found.brier == pytest.approx((0.12**2 + 0.88**2) / 2, abs=0.05)
    assert found.brier_of_base_rate == 0.25
    assert sum(one.n for one in found.bins) == 2
    assert calibration([], None).brier is None


@pytest.mark.parametrize("down_s", [1_500, 1_830, 1_900, 2_000, 5_400, 100_000])
@pytest.mark.parametrize("after_s", [0, 60])
def test_a_platform_that_was_down_for_long_ends_what_it_watched(shop, after_s, down_s):
    """It was restarted hours later: what was before the change is not kept any more, and nothing breaks over that."""
    good = change("pay", 301)
    shop.run(5, good)
    shop.run(after_s)
    shop.now_s += down_s
    shop.watch.restore(shop.watch.snapshot())
    shop.run(400)
    impact = shop.impact(good)
    assert impact.is_final
    assert impact.verdict in ("harmless", "not-enough-evidence")
    assert all(one.is_over for one in shop.watch.state.watched.values())
