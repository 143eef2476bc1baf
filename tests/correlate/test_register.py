"""What is open, found at once, and the same after a restart; what is shown to the correlator stays small."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.correlate.judges import Judges
from tests.scenarios.drill import Drill, ms, slow
from tests.scenarios.shops import WIDE

from mainstay.correlate import Correlate
from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.evidence.recent import RecentCalls
from mainstay.correlate.state import Held
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity, Topology
from mainstay.domain.incidents import Incident, TimelineEntry
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Normal


def chart(*pairs: str, hosts: dict[str, str] | None = None) -> Map:
    entities = {e: Entity(id=e, kind="service", name=e, attributes={"host": h}) for e, h in (hosts or {}).items()}
    edges = tuple(Edge(caller=pair[0], callee=pair[1]) for pair in pairs)
    return Map(Topology(entities=entities, edges=edges), RecentCalls())


def test_the_calls_between_two() -> None:
    known = chart("ab", "bc", "xc", "xy", "za", "zy")
    assert known.path("a", "c") == known.path("c", "a") == (("b", "c"), ("a", "b"))
    assert set(known.path("a", "x")) == {("a", "b"), ("b", "c"), ("x", "c")}
    assert known.path("a", "q") == known.path("a", "a") == ()
    assert known.depends("a", "c")
    assert not known.depends("c", "a")
    assert known.near("a")[0] == "a"
    assert set(known.near("a")) == set("abcxyz")


def test_who_publishes_does_not_depend_on_who_consumes_but_the_queue_does() -> None:
    calls = (("shop", "queue:p/jobs"), ("queue:p/jobs", "worker"), ("worker", "db"))
    known = Map(Topology(edges=tuple(Edge(caller=a, callee=b) for a, b in calls)), RecentCalls())
    assert [known.depends("shop", other) for other in ("queue:p/jobs", "worker", "db")] == [True, False, False]
    assert known.depends("queue:p/jobs", "db")
    assert "worker" in known.near("shop")


def test_the_calls_between_several_are_those_of_each_two() -> None:
    known = chart("ab", "bc", "xc", "xy", "za", "zy", "pq")
    for ends, others in (("a", "cxq"), ("abz", "abz"), ("p", "q"), ("", "a"), ("a", "")):
        paths = [known.path(one, other) for one in ends for other in others]
        assert known.ways(ends, others) == known.ways(ends, others) == {pair for path in paths for pair in path}


def test_a_map_is_drawn_anew_only_when_an_edge_comes_or_goes() -> None:
    known = chart("ab", hosts={"a": "n1"})
    newer = Topology(entities={"a": Entity(id="a", kind="service", name="a", attributes={"host": "n2"})},
                     edges=(Edge(caller="a", callee="b", seen_ms=5),))  # fmt: skip
    assert known.takes(newer, RecentCalls())
    assert (known.host("a"), known.sharing("n1"), known.sharing("n2")) == ("n2", [], ["a"])
    assert not known.takes(Topology(edges=(Edge(caller="a", callee="c"),)), RecentCalls())


def test_cycles_and_long_chains_end() -> None:
    known = chart("ab", "ba", "bc", "cd", "de", "ef", "fg", "gh")
    assert len(known.path("a", "g")) == 6
    assert not known.depends("a", "h")


def lone(number: int, at_s: float, **fields: object) -> Alert:
    where = f"service:p/s{number}"
    return msgspec.structs.replace(
        Alert(
            id=f"a{number}-{at_s:g}", fingerprint=f"f{number}", entity=where, name="down", severity="critical",
            status="firing", since_ms=ms(at_s), at_ms=ms(at_s), decided_by=VersionRef("rule/down", 0),
            source="prometheus", signal="availability", subject=f"rule:{number}",
        ),
        **fields,
    )  # fmt: skip


def test_what_is_fresh_at_an_entity_is_the_newest_first_and_fades_for_good() -> None:
    stage = Correlate(Judges())
    for number in (1, 2):
        alert = lone(number, 1000.0 * number)
        stage.apply(Normal(), Topology(), ms(1000 * number), Effects(decided_seq=number, alerts={alert.id: alert}))
    register, old, new = stage._register, *stage._state.held.values()
    asked = ["service:p/s1", "service:p/none", "service:p/s2"]
    found = {entity: [held.incident.id for held in told] for entity, told in register.fresh(asked, ms(2000))}
    assert found == {"service:p/s1": [old.incident.id], "service:p/s2": [new.incident.id]}
    later = [entity for entity, _ in register.fresh(asked, ms(3000))]
    assert later == ["service:p/s2"]
    assert list(register.fresh(asked, ms(10_000))) == []
    register.refresh(old, "service:p/s1")
    assert next(iter(register.fresh(asked, ms(2000))))[0] == "service:p/s1"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), max_size=6), max_size=5))
def test_a_timeline_has_each_line_once_in_order_however_it_came(told: list[list[tuple[int, str]]]) -> None:
    held = Held(Incident(id="INC-1", status="open", severity="major", title="", since_ms=0, opened_ms=0, updated_ms=0,
                         decided_by=VersionRef("c", 1)))  # fmt: skip
    lines: list[TimelineEntry] = []
    for record in told:
        news = [TimelineEntry(at_ms=at_ms, kind="alert", says=says) for at_ms, says in record]
        held.tell(*news)
        lines = sorted(dict.fromkeys([*lines, *news]), key=lambda line: line.at_ms)
        assert list(held.settle().timeline) == lines


def test_what_is_shown_does_not_grow_with_what_is_open() -> None:
    judges = Judges()
    stage = Correlate(judges)
    for number in range(300):
        alert = lone(number % 30, number)
        effects = Effects(decided_seq=number + 1, alerts={alert.id: alert})
        stage.apply(Normal(), Topology(), ms(number), effects)
    sizes = [len(msgspec.json.encode(d.inputs)) for kind, d in judges.decisions if kind == "correlator"]
    assert max(sizes[200:]) <= max(sizes[60:200]) < 5_000


def test_an_old_incident_that_was_resolved_a_moment_ago_comes_back() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("search", "index", 5, 20, severity="critical")])
    drill.record(Normal(), 9_000, [slow("front", "profile", 8_990, 9_000, severity="critical")])
    drill.record(Normal(), 9_010, [slow("search", "index", 5, 9_010, severity="critical", ended_s=9_010)])
    drill.record(Normal(), 9_031)
    assert drill.incidents["INC-1"].status == "resolved"
    drill.record(Normal(), 9_100, [slow("search", "index", 9_090, 9_100, severity="critical")])
    assert drill.incidents["INC-1"].status == "open"


def test_a_caller_that_suffers_from_two_old_faults_does_not_tie_them() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("search", "index", 5, 20, severity="critical")])
    drill.record(Normal(), 120, [slow("cart", "pricing", 105, 120, severity="critical")])
    before = len(drill.open)
    drill.record(Normal(), 130, [slow("", "front", 122, 130, severity="critical")])
    assert before == 2
    assert len(drill.open) == 2


def test_the_diagnoses_of_a_storm_of_incidents_take_turns_and_all_come() -> None:
    judges = Judges()
    stage = Correlate(judges)
    effects = Effects(decided_seq=1, alerts={a.id: a for a in (lone(n, 0) for n in range(12))})
    stage.apply(Normal(), Topology(), ms(0), effects)
    asked = [1]
    for tick in range(1, 16):
        before = sum(kind == "diagnoser" for kind, _ in judges.decisions)
        stage.apply(Normal(), Topology(), ms(tick / 2), Effects(decided_seq=tick + 1))
        asked.append(sum(kind == "diagnoser" for kind, _ in judges.decisions) - before)
    assert max(asked) == 1
    assert {d.inputs["incident"] for kind, d in judges.decisions if kind == "diagnoser"} >= {"INC-1", "INC-9"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_restart_at_any_record_makes_the_same_register(steps: list[tuple[int, bool, bool]]) -> None:
    plain, cut = Correlate(Judges()), Correlate(Judges())
    topology = Topology(edges=tuple(Edge(caller=f"service:p/s{n}", callee=f"service:p/s{n + 1}") for n in range(4)))
    for seq, (number, is_over, is_restart) in enumerate(steps, 1):
        if is_restart:
            cut.restore(cut.snapshot())
        at_s = seq * 40
        alert = lone(number, number, status="resolved" if is_over else "firing")
        found = []
        for stage in (plain, cut):
            effects = Effects(decided_seq=seq, alerts={alert.id: alert})
            stage.apply(Normal(), topology, ms(at_s), effects)
            found.append((effects.incidents, effects.entries))
        assert found[0] == found[1]
    assert plain.snapshot() == cut.snapshot()
