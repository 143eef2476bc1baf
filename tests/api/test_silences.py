"""Silences, windows and suppressions over HTTP, on the real stage and store; and what is refused, with words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Client
from tests.api.fake_platform import FakePlatform
from tests.store import control_samples as some
from tests.store.control_samples import T0

from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef
from mainstay.domain.silences import Withholding
from mainstay.domain.verdicts import Verdict

PAYMENTS = "service:prod/payments"
HOUR = 3_600_000
WEEKLY = {"days": ["tue", "thu"], "at": "02:00", "minutes": 90, "zone": "Europe/Berlin"}


@pytest.fixture
def ada(clients: dict[str, Client]) -> Client:
    return clients["responder"]


def withholding(number: int, **changed: Any) -> Withholding:
    values: dict[str, Any] = {
        "id": f"INC-{number}-{number}",
        "incident": f"INC-{number}",
        "by": "dependency",
        "ref": "default",
        "mode": "proposed",
        "status": "released",
        "at_ms": T0 - 86_400_000 * number,
        "says": "a symptom of INC-9",
        "decided_by": VersionRef("suppressor", 1),
        "suppressor": "INC-9",
    }
    return Withholding(**{**values, **changed})


def keep(platform: FakePlatform, *records: Withholding, **more: Any) -> None:
    effects = Effects(decided_seq=platform.control.decided_seq + 1, **more)
    effects.records = {f"withholding:{one.id}": one for one in records}
    platform.control.commit(effects)


def test_a_silence_is_made_shown_extended_and_ended(ada: Client, platform: FakePlatform) -> None:
    asked = {"matchers": ['service="cart"', "severity=~minor|info"], "minutes": 60, "comment": "known noise"}
    made = ada.post("silences", asked, 201)
    assert made["matchers"] == ['service="cart"', 'severity=~"minor|info"']
    assert (made["by"], made["standing"], made["ends_ms"]) == ("responder", "active", T0 + HOUR)
    assert [one["id"] for one in ada.get("silences", standing="active")] == [made["id"]]
    assert ada.post(f"silences/{made['id']}/extend", {"minutes": 30})["ends_ms"] == T0 + HOUR * 3 // 2
    assert ada.post(f"silences/{made['id']}/extend", {"ends_ms": T0 + HOUR})["ends_ms"] == T0 + HOUR
    platform.clock.at_ms += 1000
    ended = ada.post(f"silences/{made['id']}/end")
    assert (ended["standing"], ended["ended_by"]) == ("expired", "responder")
    assert ada.get("silences", standing="active") == []
    shown = ada.get(f"silences/{made['id']}")
    assert shown["withheld"] == []
    entries = ada.get("ledger", subject=made["id"], kind="silence")
    assert [entry["output"]["event"] for entry in entries] == ["ended", "shortened", "extended", "made"]
    assert {entry["actor"] for entry in entries} == {"user:responder"}


def test_a_silence_may_begin_later(ada: Client, platform: FakePlatform) -> None:
    made = ada.post("silences", {"matchers": ["a=b"], "starts_ms": T0 + 1000, "minutes": 1}, 201)
    assert made["standing"] == "pending"
    platform.clock.at_ms += 1000
    assert ada.get(f"silences/{made['id']}")["standing"] == "active"
    platform.clock.at_ms += 60_000
    assert ada.get(f"silences/{made['id']}")["standing"] == "expired"


REFUSED_SILENCES: list[tuple[Any, str]] = [
    ({"matchers": ["service=~cart("], "minutes": 1}, "'cart(' is not a regular expression"),
    ({"matchers": ["service=~(?=a)b"], "minutes": 1}, "no look-around"),
    ({"matchers": ["service=~((a{50}){50}){50}"], "minutes": 1}, "repeats 125000 times"),
    ({"matchers": ["service=~" + "a" * 600], "minutes": 1}, "expected a matcher"),
    ({"matchers": ["service"], "minutes": 1}, "expected a matcher such as"),
    ({"matchers": ["service=~.*"], "minutes": 1}, "an empty value does not match"),
    ({"matchers": ["service!=cart"], "minutes": 1}, "an empty value does not match"),
    ({"matchers": [], "minutes": 1}, "matchers"),
    ({"matchers": ["a=b"] * 33, "minutes": 1}, "1 to 32 matchers; got 33"),
    ({"matchers": ["a=b"]}, "expected one of ends_ms"),
    ({"matchers": ["a=b"], "minutes": 1, "ends_ms": T0 + 1}, "expected one of ends_ms"),
    ({"matchers": ["a=b"], "starts_ms": T0 + HOUR, "ends_ms": T0 + 1}, "ends after it starts; got start"),
    ({"matchers": ["a=b"], "starts_ms": 0, "ends_ms": T0 - 1}, "ends in the future"),
    ({"matchers": ["a=b"], "ends_ms": T0 * 1_000_000}, "between 1970 and 2100"),
    ({"matchers": ["entity=service:prod/nobody"], "minutes": 1}, "no entity is known as 'service:prod/nobody'"),
    ({"matchers": ["a=b"], "minutes": 1, "until": 3}, "until"),
    ({"matchers": ["a=b"], "minutes": -1}, "minutes"),
]


def test_what_makes_no_sense_is_400_and_says_what_and_which_value(ada: Client) -> None:
    for asked, says in REFUSED_SILENCES:
        answer = ada.post("silences", asked, 400)
        assert says in str(answer), (asked, answer)
    assert ada.get("silences") == []


def test_what_is_over_is_not_extended_and_what_is_not_there_is_404(ada: Client, platform: FakePlatform) -> None:
    made = ada.post("silences", {"matchers": ["a=b"], "minutes": 1}, 201)
    assert "ends after it starts" in ada.post(f"silences/{made['id']}/extend", {"ends_ms": T0 - 5}, 400)["detail"]
    assert "one of ends_ms" in ada.post(f"silences/{made['id']}/extend", {}, 400)["detail"]
    platform.clock.at_ms += HOUR
    assert "make a new one" in ada.post(f"silences/{made['id']}/extend", {"minutes": 5}, 400)["detail"]
    assert ada.post(f"silences/{made['id']}/end")["standing"] == "expired"
    for path in ("silences/none", "maintenance/none", "suppressions/none"):
        assert ada.ask("GET", f"/api/v1/{path}").status_code == 404


def test_a_viewer_silences_nothing(viewer: Client) -> None:
    viewer.post("silences", {"matchers": ["a=b"], "minutes": 1}, 403)
    viewer.post("maintenance", {"entities": [PAYMENTS], "minutes": 1}, 403)
    viewer.post("suppressions/default/on", {}, 403)


def test_a_window_on_a_service_once_and_weekly(ada: Client) -> None:
    once = ada.post("maintenance", {"entities": [PAYMENTS], "minutes": 30, "with_dependents": True}, 201)
    assert (once["standing"], once["stretch"]) == ("active", [T0, T0 + HOUR // 2])
    weekly = ada.post("maintenance", {"entities": [PAYMENTS], "minutes": 60 * 24 * 60, "weekly": WEEKLY}, 201)
    assert weekly["standing"] == "pending"
    since_ms, until_ms = weekly["stretch"]
    assert until_ms - since_ms == 90 * 60_000
    assert len(ada.get("maintenance")) == 2
    assert ada.post(f"maintenance/{once['id']}/end")["standing"] == "expired"
    assert ada.get(f"maintenance/{weekly['id']}")["weekly"]["days"] == ["tue", "thu"]


def test_a_change_brings_its_window(ada: Client) -> None:
    made = ada.post("maintenance", {"change": "C-1", "minutes": 30}, 201)
    assert (made["entities"], made["change"]) == ([PAYMENTS], "C-1")
    ada.post("maintenance", {"change": "C-404", "minutes": 30}, 404)


REFUSED_WINDOWS: list[tuple[Any, str]] = [
    ({"entities": ["service:prod/nobody"], "minutes": 5}, "'service:prod/nobody'; `mainstay entities list`"),
    ({"entities": [], "minutes": 5}, "1 to 200 entities; got 0"),
    ({"entities": [PAYMENTS], "minutes": 5, "weekly": {**WEEKLY, "zone": "Mars/Olympus"}}, "'Mars/Olympus'"),
    ({"entities": [PAYMENTS], "minutes": 5, "weekly": {**WEEKLY, "zone": "../../etc/passwd"}}, "time zone"),
    ({"entities": [PAYMENTS], "minutes": 5, "weekly": {**WEEKLY, "at": "25:00"}}, "weekly.at"),
    ({"entities": [PAYMENTS], "minutes": 5, "weekly": {**WEEKLY, "days": ["someday"]}}, "days"),
    ({"entities": [PAYMENTS], "minutes": 5, "weekly": WEEKLY}, "never comes"),
]


def test_a_window_that_makes_no_sense_is_400(ada: Client) -> None:
    for asked, says in REFUSED_WINDOWS:
        answer = ada.post("maintenance", asked, 400)
        assert says in str(answer), (asked, answer)


def test_a_suppression_is_proposed_with_its_replay_and_switched(ada: Client, platform: FakePlatform) -> None:
    over = withholding(3, status="over", pages=2)
    keep(platform, withholding(1), withholding(2), over, withholding(40))
    (proposed,) = [one for one in ada.get("suppressions") if one["team"] == "default"]
    assert proposed["mode"] == "proposed"
    assert proposed["says"] == (
        "last 14 days: would have held 4 pages in 3 incidents; 1 of them were the only page of an incident, "
        f"{len(proposed['missed'])} were needed by what people said"
    )
    assert (proposed["pages_held"], proposed["incidents"], proposed["only_pages"]) == (4, 3, 1)
    on = ada.post("suppressions/default/on", {"why": "looks right"})
    assert (on["mode"], on["by"], on["why"]) == ("on", "responder", "looks right")
    page = ada.get("suppressions/default")
    assert (page["replay"]["mode"], len(page["withheld"])) == ("on", 3)
    assert ada.post("suppressions/default/off", {})["mode"] == "off"
    assert "on, off or proposed" in ada.post("suppressions/default/maybe", {}, 400)["detail"]
    events = [entry["output"]["event"] for entry in ada.get("ledger", kind="silence")]
    assert events == ["off", "on"]


def test_what_was_withheld_is_kept_with_the_misses_in_it(ada: Client, platform: FakePlatform) -> None:
    right = Verdict(id="V-7", kind="anomaly", subject="INC-2", by="bea", at_ms=T0)
    wrong = Verdict(id="V-8", kind="not-anomaly", subject="INC-3", by="bea", at_ms=T0)
    taken = some.incident(4, acknowledged_by="cem")
    keep(
        platform, *(withholding(number) for number in (2, 3, 4, 5)),
        incidents={taken.id: taken}, verdicts={"V-7": right, "V-8": wrong},
    )  # fmt: skip
    needed = {row["page"]["incident"]: row["missed"] for row in ada.get("withheld")}
    assert needed["INC-2"]["says"] == "bea says anomaly (V-7)"
    assert needed["INC-4"]["says"] == "cem took it on"
    assert needed["INC-3"] is None
    assert needed["INC-5"] is None
    assert len(ada.get("suppressions/default")["replay"]["missed"]) == 2
    assert ada.get("withheld", ref="payments") == []
