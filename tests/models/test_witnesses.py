"""Whose word counts, and how far down the calls the diagnoser looks: small shops, one fault, one harmless deploy."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.models.rca import Diagnoser

ONSET_MS = 1_000_000


def service(name: str) -> str:
    return f"service:p/{name}"


def call(caller: str, callee: str, **facts: float) -> dict[str, Any]:
    return {
        "caller": caller, "callee": callee, "before_ms": 10.0, "now_ms": 10.0, "rate_before": 5.0, "rate_now": 5.0,
        **facts,
    }  # fmt: skip


def fails(caller: str, callee: str, share: float = 0.5) -> dict[str, Any]:
    return call(caller, callee, errors_now=share)


def alert(caller: str, callee: str, signal: str = "errors", severity: str = "critical") -> dict[str, Any]:
    return {
        "id": f"{caller}>{callee}", "entity": callee, "signal": signal, "severity": severity, "since_ms": ONSET_MS,
        "caller": caller, "callee": callee,
    }  # fmt: skip


def change(entity: str, kind: str, age_s: float) -> dict[str, Any]:
    return {"id": f"{kind} of {entity}", "entity": entity, "kind": kind, "at_ms": ONSET_MS - int(age_s * 1000)}


def decided(**facts: Any) -> dict[str, Any]:
    return Diagnoser({}).decide({"at_ms": ONSET_MS + 20_000, "incident": "INC-1", "onset_ms": ONSET_MS, **facts})


def impatient(age_of_config_s: float, others: float | None = 0.0) -> dict[str, Any]:
    """A desk whose setting was changed gives up on stock, of which `others` (the page) see this share fail."""
    desk, stock, page = service("desk"), service("stock"), service("page")
    calls = [fails("", desk), fails(desk, stock), *([fails(page, stock, others)] if others is not None else [])]
    return decided(
        alerts=[alert("", desk), alert(desk, stock)], calls=calls,
        changes=[change(stock, "deploy", 120.0), change(desk, "config", age_of_config_s)],
    )  # fmt: skip


def test_a_caller_changed_later_than_its_callee_is_the_doubtful_one_where_others_see_the_callee_well() -> None:
    first = impatient(age_of_config_s=0.0)["suspects"][0]
    assert (first["entity"], first["cause"], first["change"]) == (service("desk"), "config", "config of service:p/desk")


@pytest.mark.parametrize(
    ("age_of_config_s", "others"),
    [(150.0, 0.0), (0.0, 0.5), (0.0, None)],
    ids=["changed before the callee was", "another caller says the same", "no other caller to ask"],
)
def test_otherwise_the_callee_that_was_changed_is_still_blamed(age_of_config_s: float, others: float | None) -> None:
    first = impatient(age_of_config_s, others)["suspects"][0]
    assert (first["entity"], first["cause"]) == (service("stock"), "deploy")


def layers(*bad: dict[str, Any]) -> list[str]:
    """Only users of the front complain; the calls below it are as `bad` says."""
    front, seats, store = service("front"), service("seats"), "database:p/seating"
    said = decided(
        alerts=[{**alert("", front, "latency", "major"), "caller": "", "callee": ""}],
        edges=[[front, seats], [seats, store]], kinds={store: "database"}, calls=list(bad),
        changes=[change(seats, "deploy", 190.0)],
    )  # fmt: skip
    return [suspect["entity"] for suspect in said["suspects"]]


def slow(caller: str, callee: str, own_now_ms: float | None = None) -> dict[str, Any]:
    own = {} if own_now_ms is None else {"own_before_ms": 5.0, "own_now_ms": own_now_ms}
    return call(caller, callee, now_ms=700.0, **own)


def test_where_only_the_front_complains_bad_calls_are_followed_down_to_the_cause() -> None:
    front, seats, store = service("front"), service("seats"), "database:p/seating"
    assert layers(slow("", front, 6.0), slow(front, seats, 5.0), slow(seats, store))[0] == store


def test_a_store_two_layers_down_that_answers_as_ever_is_no_suspect() -> None:
    front, seats, store = service("front"), service("seats"), "database:p/seating"
    assert store not in layers(slow("", front, 6.0), slow(front, seats, 690.0), call(seats, store))


@pytest.mark.parametrize(("own_share", "is_suspect"), [(0.95, False), (0.3, True), (None, True)])
def test_who_is_slow_by_its_own_time_does_not_suffer_from_a_callee_that_fails(
    own_share: float | None, is_suspect: bool
) -> None:
    front, seats, store = service("front"), service("seats"), service("store")
    slow_front = {**alert("", front, "latency"), "caller": "", "callee": front, "own_share": own_share}
    calls = [slow("", front, 690.0), fails(front, seats), fails(seats, store)]
    suspects = [one["entity"] for one in decided(alerts=[slow_front], calls=calls)["suspects"]]
    assert (store in suspects or seats in suspects) is is_suspect
    assert suspects[0] == front or is_suspect


def test_a_circle_of_bad_calls_ends() -> None:
    front, seats = service("front"), service("seats")
    assert seats in layers(slow("", front, 6.0), slow(front, seats, 690.0), slow(seats, front, 6.0))
