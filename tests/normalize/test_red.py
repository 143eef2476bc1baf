"""Rate, errors, duration and availability of every service, as ordinary series at each tick."""

from __future__ import annotations

from tests.normalize.senders import PAYMENTS, SERVER, T0, S, Span, decoded, metrics, prometheus, resource, spans

from mainstay.domain.signals import Normal, Stream
from mainstay.normalize import Normalizer

PAY = "service:lab/payments"


def values(normalizer: Normalizer, normal: Normal) -> dict[str, float]:
    batch = normal.metrics
    rows = zip(batch.series, batch.value, strict=True) if batch else ()
    return {f"{normalizer.series[slot].entity} {normalizer.series[slot].metric}": float(value) for slot, value in rows}


def speak(normalizer: Normalizer, at_s: float) -> None:
    at = T0 + int(at_s * S)
    normalizer.apply(decoded(m=metrics([(Stream("m", (), PAYMENTS), at, 1.0)])), at)


def test_requests_become_series() -> None:
    normalizer = Normalizer()
    them = [Span(PAYMENTS, SERVER, n, trace=n, ms=n * 10.0, is_error=n > 8) for n in range(1, 11)]
    normalizer.apply(decoded(s=spans(*them)), T0)
    got = values(normalizer, normalizer.tick(T0 + 5 * S))
    assert got[f"{PAY} service.requests.rate"] == 2.0
    assert got[f"{PAY} service.error.ratio"] == 0.2
    assert 90.0 < got[f"{PAY} service.latency.p95"] <= 100.0
    idle = values(normalizer, normalizer.tick(T0 + 10 * S))
    assert idle == {f"{PAY} service.requests.rate": 0.0, f"{PAY} telemetry.availability": 1.0}
    for at in range(15, 615, 5):
        normalizer.tick(T0 + at * S)
    assert f"{PAY} service.requests.rate" not in values(normalizer, normalizer.tick(T0 + 615 * S))


def test_who_is_turned_away_at_the_door_was_not_served() -> None:
    normalizer = Normalizer()
    codes = ["200", "429", "404", "429", "200"]
    them = [Span(PAYMENTS, SERVER, n, trace=n, ms=5.0, attributes={"http.response.status_code": code})
            for n, code in enumerate(codes, start=1)]  # fmt: skip
    normalizer.apply(decoded(s=spans(*them)), T0)
    normal = normalizer.tick(T0 + 5 * S)
    assert values(normalizer, normal)[f"{PAY} service.error.ratio"] == 0.4
    [door] = [edge for edge in normalizer.tick(T0 + 30 * S).edges or normal.edges if edge.callee == PAY]
    assert (door.count, door.errors) == (5, 2)


def availability(normalizer: Normalizer, at_s: float) -> float | None:
    """What the tick at this time says; the ticks since the last record or tick come before it."""
    for at_ns in range(normalizer._red._now_ns + 5 * S, T0 + int(at_s * S), 5 * S):
        normalizer.tick(at_ns)
    return values(normalizer, normalizer.tick(T0 + int(at_s * S))).get(f"{PAY} telemetry.availability")


def test_a_stopped_service_is_seen_within_seconds_and_a_restart_is_not() -> None:
    normalizer = Normalizer()
    for at in range(0, 60, 2):
        speak(normalizer, at)
        assert availability(normalizer, at + 1) == 1.0
    assert availability(normalizer, 67) == 1.0
    speak(normalizer, 67)
    assert availability(normalizer, 72) == 1.0
    assert availability(normalizer, 77) == 1.0
    assert availability(normalizer, 92) == 0.0  # 25 s: more than 2.5 times the pause of 9 s
    assert normalizer.last_heard_ms(PAY) == (T0 + 67 * S) // 10**6
    assert normalizer.last_heard_ms("service:lab/nobody") is None
    speak(normalizer, 93)
    assert availability(normalizer, 95) == 1.0


def test_a_slow_sender_is_not_silent_between_its_words() -> None:
    normalizer = Normalizer()
    for at in range(0, 600, 60):
        speak(normalizer, at)
        assert availability(normalizer, at + 5) == 1.0
        assert availability(normalizer, at + 57) in ((1.0,) if at else (1.0, None))
    assert availability(normalizer, 540 + 155) == 0.0


def test_a_job_that_ran_once_is_not_missed() -> None:
    normalizer = Normalizer()
    speak(normalizer, 0)
    speak(normalizer, 10)
    assert availability(normalizer, 12) == 1.0
    assert availability(normalizer, 120) is None


def test_hosts_are_watched_and_unplaced_are_not() -> None:
    normalizer = Normalizer()
    normalizer.apply(
        decoded(m=metrics([(prometheus("up", job="node", instance="h:1"), T0, 1.0), (prometheus("x"), T0, 1.0)])), T0
    )
    assert set(values(normalizer, normalizer.tick(T0 + 5 * S))) == {"host:default/h telemetry.availability"}
    assert normalizer.unplaced == ((),)


def test_our_own_absence_is_nobodys_silence() -> None:
    normalizer = Normalizer()
    for at in range(0, 60, 2):
        speak(normalizer, at)
        availability(normalizer, at + 1)
    got = values(normalizer, normalizer.tick(T0 + 4000 * S))
    assert got == {f"{PAY} telemetry.availability": 1.0}
    speak(normalizer, 4003)
    assert availability(normalizer, 4010) == 1.0
    assert availability(normalizer, 4020) == 0.0


def test_when_all_are_silent_it_is_the_way_to_us() -> None:
    normalizer = Normalizer()
    for at in range(0, 60, 2):
        names = ("payments", "shop", "cart") if at < 40 else ("payments",)
        at_ns = T0 + at * S
        for name in names:
            normalizer.apply(decoded(m=metrics([(Stream("m", (), resource(name)), at_ns, 1.0)])), at_ns)
        got = values(normalizer, normalizer.tick(at_ns + S))
    assert got == {
        f"{PAY} telemetry.availability": 1.0, "service:lab/shop telemetry.availability": 0.0,
        "service:lab/cart telemetry.availability": 0.0,
    }  # fmt: skip
    assert availability(normalizer, 90) is None
