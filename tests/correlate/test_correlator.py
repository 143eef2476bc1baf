"""The correlator by itself: what joins, what opens, what waits, and why."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.models.correlation import Correlator

CHAIN = [["service:p/a", "service:p/b"], ["service:p/b", "service:p/c"], ["service:p/x", "service:p/y"]]


def alert(name: str = "new", where: str = "a", since_s: float = 0.0, **rest: Any) -> dict[str, Any]:
    at_ms = int(since_s * 1000)
    return {"id": name, "entity": f"service:p/{where}", "signal": "latency", "severity": "major", "since_ms": at_ms,
            "at_ms": at_ms + 15_000, "subject": f"metric:{name}", "fingerprint": f"f-{name}", **rest}  # fmt: skip


def incident(name: str, *members: tuple[str, float], **rest: Any) -> dict[str, Any]:
    return {
        "id": name,
        "members": [
            {"entity": f"service:p/{who}", "first_ms": int(at * 1000), "last_ms": int(at * 1000)} for who, at in members
        ],
        **rest,
    }


def decide(new: dict[str, Any], **scene: Any) -> dict[str, Any]:
    return Correlator({}).decide({"at_ms": new["at_ms"], "alert": new, "edges": CHAIN, **scene})


def test_a_caller_joins_the_incident_of_its_callee() -> None:
    said = decide(alert(where="a", since_s=5), incidents=[incident("INC-1", ("c", 0))])
    assert (said["action"], said["incident"]) == ("join", "INC-1")
    assert "a depends on c" in said["why"]


def test_an_unconnected_service_does_not() -> None:
    assert decide(alert(where="x", since_s=5), incidents=[incident("INC-1", ("c", 0))])["action"] == "hold"


def test_separated_in_time_is_separate() -> None:
    far = decide(alert(where="c", since_s=900, severity="critical"), incidents=[incident("INC-1", ("a", 0))])
    assert far["action"] == "open"


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"severity": "critical"}, "open"),
        ({"severity": "major", "user_facing": True}, "open"),
        ({"severity": "major", "is_rule": True, "signal": "other"}, "open"),
        ({"severity": "minor", "signal": "saturation", "near_exhaustion": True}, "open"),
        ({"severity": "major"}, "hold"),
        ({"severity": "minor", "signal": "saturation"}, "hold"),
        ({"severity": "info", "user_facing": True}, "hold"),
        ({"severity": "critical", "is_muted": True}, "hold"),
    ],
)
def test_what_opens_an_incident_by_itself(fields: dict[str, Any], action: str) -> None:
    assert decide(alert(**fields))["action"] == action


def test_two_that_agree_open_and_the_one_that_waited_comes_along() -> None:
    said = decide(alert(where="a", since_s=10), pending=[alert("old", "b", 2)])
    assert (said["action"], said["with"]) == ("open", ["old"])


@pytest.mark.parametrize("other", [alert("old", "x", 2), alert("old", "b", -300), alert("new", "a", 0)])
def test_two_that_do_not_agree_wait(other: dict[str, Any]) -> None:
    other = {**other, "at_ms": other["since_ms"] + 15_000}
    assert decide(alert(where="a", since_s=10), pending=[other])["action"] == "hold"


def test_load_alone_is_no_trouble_however_much_of_it() -> None:
    busy = {"signal": "saturation", "severity": "major"}
    assert (
        decide(alert(where="a", **busy), pending=[alert("o", "b", 1, **busy), alert("p", "c", 1, **busy)])["action"]
        == "hold"
    )


def test_an_alert_between_two_young_incidents_ties_them() -> None:
    said = decide(alert(where="b", since_s=8), incidents=[incident("INC-1", ("a", 0)), incident("INC-2", ("c", 4))])
    assert (said["incident"], said["merge"]) == ("INC-1", ["INC-2"]) or (said["incident"], said["merge"]) == (
        "INC-2",
        ["INC-1"],
    )


def test_an_old_incident_needs_a_stronger_tie_to_be_merged() -> None:
    said = decide(
        alert(where="b", since_s=200), incidents=[incident("INC-1", ("a", 110)), incident("INC-2", ("b", 195))]
    )
    assert (said["incident"], said["merge"]) == ("INC-2", [])


def test_a_recurrence_reopens_unless_somebody_changed_it_since() -> None:
    closed = incident("INC-1", ("a", 0), resolved_ms=100_000, symptoms=["service:p/a|latency"])
    new = alert(where="a", since_s=300)
    assert decide(new, incidents=[closed])["reopen"] is True
    redeployed = [{"id": "c1", "entity": "service:p/a", "at_ms": 250_000}]
    assert decide(new, incidents=[closed], changes=redeployed)["action"] == "hold"
    ours = [{"id": "c1", "entity": "service:p/a", "at_ms": 250_000, "by_mainstay": True}]
    assert decide(new, incidents=[closed], changes=ours)["reopen"] is True
    assert decide(alert(where="a", since_s=800), incidents=[closed])["action"] == "hold"


def test_a_change_below_both_ties_what_no_call_does() -> None:
    edges = [["service:p/a", "service:p/lib"], ["service:p/x", "service:p/lib"]]
    changes = [{"id": "flag-1", "entity": "service:p/lib", "at_ms": -20_000}]
    said = decide(alert(where="x", since_s=3), incidents=[incident("INC-1", ("a", 0))], edges=edges, changes=changes)
    assert said["action"] == "join"
    assert "flag-1" in said["why"]


def test_saturation_on_one_host_is_one_trouble() -> None:
    hosts = {"service:p/a": "node-1", "service:p/x": "node-1"}
    new = alert(where="x", since_s=3, signal="saturation", is_load=True)
    assert decide(new, incidents=[incident("INC-1", ("a", 0))], hosts=hosts)["action"] == "join"
    assert decide(alert(where="x", since_s=3), incidents=[incident("INC-1", ("a", 0))], hosts=hosts)["action"] == "hold"


def over(**rest: Any) -> dict[str, Any]:
    """An incident of `a` and what it calls, over at 100 s though `a` recovers slowly."""
    return incident("INC-1", ("a", 0), ("b", 0), began_ms=0, over_ms=100_000, **rest)


@pytest.mark.parametrize(("since_s", "incident_of"), [(95, "INC-1"), (109, "INC-1"), (111, None), (180, None)])
def test_a_symptom_that_begins_after_the_trouble_was_over_is_another_one(since_s: float, incident_of: str) -> None:
    new = alert(where="a", since_s=since_s, signal="errors", severity="critical")
    said = decide(new, incidents=[over()])
    assert said["incident"] == incident_of
    assert said["action"] == ("join" if incident_of else "open")


SAME = {"symptoms": ["service:p/a|latency", "service:p/b|latency"]}


@pytest.mark.parametrize(
    ("where", "known", "is_again"),
    [
        ("b", {}, True),  # what nothing else in it explains
        ("a", {}, False),  # it suffered from b, and may suffer from another by now
        ("b", {"suspect": "service:p/b"}, True),
        ("b", {"suspect": "service:p/a"}, False),
        ("a", {"suspect": "service:p/a"}, False),  # unlikely, as b may explain it
        ("a", {"suspect": "service:p/a", "cause": "service:p/a"}, True),
        ("b", {"suspect": "service:p/a", "cause": "service:p/a"}, False),
    ],
)
def test_only_what_may_have_been_the_cause_comes_back(where: str, known: dict[str, Any], is_again: bool) -> None:
    new = alert(where=where, since_s=300)
    said = decide(new, incidents=[over(resolved_ms=130_000, **SAME, **known)])
    assert said["reopen"] is is_again
    if is_again:
        assert "was over 215 s ago" in said["why"]  # since it was calm, not since somebody closed it


@pytest.mark.parametrize(
    ("kind", "at_s", "is_again"),
    [("rollback", 80, False), ("config", 80, False), ("restart", 80, True), ("restart", 120, False), ("flag", 2, True)],
)
def test_what_was_changed_while_it_burned_makes_a_new_story(kind: str, at_s: float, is_again: bool) -> None:
    changes = [{"id": "c1", "entity": "service:p/b", "at_ms": int(at_s * 1000), "kind": kind}]
    said = decide(alert(where="b", since_s=300), incidents=[over(resolved_ms=130_000, **SAME)], changes=changes)
    assert said["reopen"] is is_again


def two(left: str = "", right: str = "", apart_s: float = 14) -> list[dict[str, Any]]:
    """Two incidents on one way of calls, with what each came from."""
    first = incident("INC-1", ("a", 0), cause=left and f"service:p/{left}")
    return [first, incident("INC-2", ("c", apart_s), cause=right and f"service:p/{right}")]


@pytest.mark.parametrize(
    ("causes", "apart_s", "is_one"),
    [(("", ""), 9, True), (("a", ""), 9, True), (("c", "c"), 9, True), (("a", "c"), 9, False), (("a", "c"), 4, True)],
)
def test_two_of_different_causes_stay_two(causes: tuple[str, str], apart_s: float, is_one: bool) -> None:
    said = decide(alert(where="b", since_s=apart_s + 2), incidents=two(*causes, apart_s=apart_s))
    assert bool(said["merge"]) is is_one


@pytest.mark.parametrize(("where", "is_one"), [("b", False), ("y", False), ("s", True)])
def test_a_change_ties_two_troubles_only_where_both_depend_on_it(where: str, is_one: bool) -> None:
    edges = [[f"service:p/{caller}", f"service:p/{callee}"] for caller, callee in ("ab", "ay", "bs", "ys")]
    both = [incident("INC-1", ("b", 0)), incident("INC-2", ("y", 15))]
    changes = [{"id": "deploy-1", "entity": f"service:p/{where}", "at_ms": -2000, "kind": "deploy"}]
    assert bool(decide(alert(where="a", since_s=16), incidents=both, edges=edges, changes=changes)["merge"]) is is_one


def test_a_hint_brings_nothing_together() -> None:
    said = decide(alert(where="b", since_s=16, severity="info"), incidents=two())
    assert (said["action"], said["merge"]) == ("join", [])


def test_fewer_calls_bring_nothing_together() -> None:
    fewer = {"signal": "traffic", "subject": "edge:service:p/a>service:p/b", "peer": "service:p/a", "is_fewer": True}
    between = alert(where="b", since_s=20)
    both = [incident("INC-1", ("a", 0)), incident("INC-2", ("c", 15))]
    assert decide(between, incidents=both)["merge"]
    assert not decide({**between, **fewer}, incidents=both)["merge"]


@pytest.mark.parametrize(
    ("own", "since_s", "action"),
    [(None, 20, "join"), (0.2, 20, "join"), (0.9, 20, "open"), (0.9, 3, "join")],
    ids=["nothing tells", "it waits", "its own, later", "its own, at that moment"],
)
def test_what_is_its_own_does_not_come_from_what_it_calls(own: float | None, since_s: float, action: str) -> None:
    new = alert(where="a", since_s=since_s, severity="critical", own=own)
    assert decide(new, incidents=[incident("INC-1", ("c", 0))])["action"] == action


@pytest.mark.parametrize("own", [0.0, 0.9])
def test_a_victim_with_trouble_of_its_own_makes_no_two_incidents_one(own: float) -> None:
    known = [incident("INC-1", ("c", 0)), incident("INC-2", ("a", 20))]
    known[1]["members"][0]["own"] = own
    said = decide(alert(where="a", since_s=22), incidents=known)
    assert said["incident"] == "INC-2"
    assert said["merge"] == ([] if own else ["INC-1"])


def test_who_publishes_does_not_depend_on_who_consumes() -> None:
    edges = [["service:p/a", "queue:p/q"], ["queue:p/q", "service:p/c"]]
    late = {"incidents": [incident("INC-1", ("c", 0))], "edges": edges}
    assert decide(alert(where="a", since_s=20), **late)["action"] == "hold"
    assert decide({**alert(since_s=20), "entity": "queue:p/q"}, **late)["action"] == "join"


SHARED = [["service:p/a", "service:p/b"], ["service:p/a", "service:p/low"], ["service:p/x", "service:p/low"]]


@pytest.mark.parametrize(
    ("members", "cause", "action"),
    [
        ((("a", 0.0),), "", "join"),
        ((("b", -9.0), ("a", 0.0)), "", "hold"),
        ((("b", -9.0), ("a", 0.0)), "service:p/a", "join"),
        ((("b", 4.0), ("a", 0.0)), "", "join"),
    ],
    ids=["nothing else explains a", "b explained a long before", "a is the cause", "b began at that moment too"],
)
def test_who_suffers_from_something_else_is_no_sign_of_what_both_need(
    members: tuple[tuple[str, float], ...], cause: str, action: str
) -> None:
    found = incident("INC-1", *members, began_ms=-9000, cause=cause)
    assert decide(alert(where="x", since_s=5), incidents=[found], edges=SHARED)["action"] == action


def test_a_full_disk_of_one_service_is_no_load_of_the_host() -> None:
    hosts = {"service:p/a": "node-1", "service:p/x": "node-1"}
    new = alert(where="x", since_s=3, signal="saturation", symptom="service:p/x|saturation|disk")
    assert decide(new, incidents=[incident("INC-1", ("a", 0))], hosts=hosts)["action"] == "hold"


@pytest.mark.parametrize(("since_s", "is_one"), [(4, True), (9, False)])
def test_one_caller_notices_two_at_one_moment_only_when_both_began_then(since_s: float, is_one: bool) -> None:
    """The first trouble goes on telling; that the second begins meanwhile is no common moment."""
    edges = [["service:p/door", "service:p/a"], ["service:p/door", "service:p/x"]]
    known = incident("INC-1", ("door", 0), ("a", 0))
    known["members"][1]["last_ms"] = 12_000
    said = decide(alert(where="x", since_s=since_s, severity="critical"), incidents=[known], edges=edges)
    assert (said["action"] == "join") is is_one
