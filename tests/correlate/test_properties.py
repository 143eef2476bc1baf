"""What must hold for any storm: order, batches, restarts, and that an alert is in one incident at most."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scenarios.drill import Drill, metric, ms, slow
from tests.scenarios.shops import DEEP, WIDE, Shop

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.signals import Normal

SHOPS = st.sampled_from([WIDE, DEEP])


@st.composite
def storms(draw: st.DrawFn, spread_s: int = 12) -> tuple[Shop, list[Alert]]:
    """Near-simultaneous alerts on any calls and services of a shop."""
    shop = draw(SHOPS)
    pairs = [(a, b) for a, found in sorted(shop.calls.items()) for b in found]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=8, unique=True))
    found = []
    for caller, callee in chosen:
        since = draw(st.integers(100, 100 + spread_s))
        severity = draw(st.sampled_from(["critical", "major", "minor"]))
        found.append(slow(caller, callee, since, 120, severity=severity))
    for name in draw(st.lists(st.sampled_from(shop.names), max_size=3, unique=True)):
        found.append(metric(name, "process.cpu.utilization", draw(st.integers(100, 100 + spread_s)), 120))
    return shop, found


def groups(shop: Shop, *records: Sequence[Alert]) -> set[frozenset[str]]:
    drill = Drill(shop)
    for alerts in records:
        drill.record(Normal(), 120, alerts)
    return {frozenset(g.alert for g in incident.groupings) for incident in drill.open}


@settings(max_examples=120, deadline=None)
@given(storms(), st.randoms(use_true_random=False))
def test_the_order_in_which_a_record_lists_its_alerts_does_not_change_the_grouping(
    case: tuple[Shop, list[Alert]], random
) -> None:
    shop, alerts = case
    shuffled = list(alerts)
    random.shuffle(shuffled)
    assert groups(shop, alerts) == groups(shop, shuffled)


@settings(max_examples=60, deadline=None)
@given(
    storms(),
    st.lists(
        st.tuples(st.sampled_from(["resolve", "merge", "split", "acknowledge"]), st.integers(1, 4), st.integers(0, 7)),
        max_size=6,
    ),
)
def test_an_alert_is_in_at_most_one_open_incident(
    case: tuple[Shop, list[Alert]], commands: list[tuple[str, int, int]]
) -> None:
    shop, alerts = case
    drill = Drill(shop)
    for number, alert in enumerate(alerts):
        drill.record(Normal(), 120 + number, [alert])
    for number, (kind, which, other) in enumerate(commands):
        drill.say(kind, f"INC-{which}", 140 + number, into=f"INC-{other}", alert=alerts[other % len(alerts)].id)
        drill.record(Normal(), 140 + number)
    seen = [grouping.alert for incident in drill.open for grouping in incident.groupings]
    assert len(seen) == len(set(seen))
    assert not set(seen) & {alert.id for alert in drill.pending}
    assert [i.id for i in drill.open] == sorted({i.id for i in drill.open}, key=lambda name: int(name[4:]))
    drill.judges.reperform()


@settings(max_examples=40, deadline=None)
@given(storms(), st.integers(0, 8))
def test_a_restart_in_the_middle_changes_nothing(case: tuple[Shop, list[Alert]], at: int) -> None:
    shop, alerts = case
    plain, cut = Drill(shop), Drill(shop)
    for number, alert in enumerate(alerts):
        if number == at:
            saved = cut.stage.snapshot()
            cut.stage.restore(saved)
            assert cut.stage.snapshot() == saved
        for drill in (plain, cut):
            drill.record(drill.window(120 + number), 120 + number, [alert])
    assert plain.stage.snapshot() == cut.stage.snapshot()
    assert plain.incidents == cut.incidents
    assert plain.entries == cut.entries


@settings(max_examples=40, deadline=None)
@given(storms())
def test_effects_of_records_merged_into_one_batch_are_those_of_each_record(case: tuple[Shop, list[Alert]]) -> None:
    shop, alerts = case
    one, whole = Drill(shop), Effects()
    for number, alert in enumerate(alerts):
        whole.merge(one.record(Normal(), 120 + number, [alert]))
    assert whole.incidents == one.incidents
    assert whole.entries == one.entries


@settings(max_examples=30, deadline=None)
@given(storms(), st.integers(-(10**12), 10**13))
def test_alerts_from_the_past_or_the_future_do_not_stop_the_line(case: tuple[Shop, list[Alert]], since_ms: int) -> None:
    shop, alerts = case
    drill = Drill(shop)
    odd = [slow("", shop.entry, (since_ms - ms(0)) / 1000, 120, severity="critical"), *alerts]
    drill.record(Normal(), 120, odd)
    drill.record(Normal(), 400)
    assert drill.open
    drill.judges.reperform()


def test_who_suffers_from_two_troubles_of_different_moments_goes_to_the_one_that_is_told_first() -> None:
    """Why the order of records counts beyond a window: nothing that was told is taken back."""
    first = slow("orders", "db:main", 100, 120, severity="critical")
    second = slow("orders", "queue:mail", 108, 120, severity="critical")
    victim = slow("cart", "orders", 100, 120, severity="critical")
    assert groups(WIDE, [first, second, victim]) == groups(WIDE, [first], [victim], [second])
    assert groups(WIDE, [first], [victim], [second]) == {frozenset((first.id, victim.id)), frozenset((second.id,))}
    assert groups(WIDE, [second], [victim], [first]) == {frozenset((second.id, victim.id)), frozenset((first.id,))}
    assert groups(WIDE, [victim], [first], [second]) == {frozenset((first.id, second.id, victim.id))}
