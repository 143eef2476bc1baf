"""Looks at the services are kept: exactly, once, across sealing, and longer than the telemetry they came from."""

from pathlib import Path

from mainstay.domain.outlook import RiskLook
from mainstay.store.telemetry import Telemetry

S = 1_000_000_000
DAY_MS = 86_400_000
T0_MS = 1_700_000_000_000


def look(number: int) -> RiskLook:
    rows = [[0.1 * number, 1 / 3], [0.0, 2.5]]
    return RiskLook(T0_MS + number * 60_000, 3600.0, 2, ("pay", "shop"), rows, [0.1, 0.2], [0.5, 0.6], (False, True))


def stored(folder: Path, looks: int = 10) -> Telemetry:
    telemetry = Telemetry(folder, retention_s=7 * 86_400, hot_s=60)
    for number in range(looks):
        telemetry.write_look(look(number), number + 1)
    telemetry.commit(looks)
    return telemetry


def test_what_was_seen_comes_back_exactly_hot_or_sealed(tmp_path: Path) -> None:
    telemetry = stored(tmp_path)
    hot, blocks = telemetry.history("looks", 0, 2 * T0_MS)
    assert (hot.num_rows, blocks) == (20, ())
    assert hot["features"].to_pylist() == [row for number in range(10) for row in look(number).rows]
    assert hot["in_trouble"].to_pylist() == [False, True] * 10
    assert telemetry.seal((T0_MS + 300_000) * 1_000_000) == 1
    sealed, blocks = telemetry.history("looks", 0, 2 * T0_MS)
    assert sealed.equals(hot)
    assert len(blocks) == 1
    assert telemetry.history("looks", 0, 2 * T0_MS, ("pay",))[0]["service"].to_pylist() == ["pay"] * 10
    telemetry.close()


def test_what_was_applied_is_not_kept_twice(tmp_path: Path) -> None:
    telemetry = stored(tmp_path)
    telemetry.write_look(look(3), 4)
    telemetry.commit(11)
    assert telemetry.count("looks") == 20
    telemetry.close()


def test_they_stay_for_ninety_days_whatever_the_retention_of_telemetry_is(tmp_path: Path) -> None:
    telemetry = stored(tmp_path)
    telemetry.seal((T0_MS + 300_000) * 1_000_000)
    assert telemetry.expire((T0_MS + 89 * DAY_MS) * 1_000_000) == 0
    assert telemetry.count("looks") == 20
    assert telemetry.expire((T0_MS + 91 * DAY_MS) * 1_000_000) == 1
    assert telemetry.count("looks") == 0
    telemetry.close()
