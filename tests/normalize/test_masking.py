"""No token, password or card number leaves this stage, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.normalize.senders import CLIENT, PAYMENTS, T0, S, Span, decoded, logs, metrics, prometheus, resource, spans

from mainstay.domain.alerts import Alert
from mainstay.domain.models import VersionRef
from mainstay.domain.signals import Decoded
from mainstay.normalize import Normalizer, mask
from mainstay.normalize.masking import mask_to


def luhn(digits: str) -> str:
    """Digits with their check digit."""
    total = sum(
        (d * 2 - 9 if d > 4 else d * 2) if at % 2 == 0 else d for at, d in enumerate(map(int, reversed(digits)))
    )
    return digits + str(-total % 10)


def grouped(digits: str, separator: str) -> str:
    return separator.join(digits[at : at + 4] for at in range(0, len(digits), 4))


CARDS = st.builds(
    lambda first, rest, separator: grouped(luhn(first + rest), separator),
    st.sampled_from(["4", "51", "55", "2221", "34", "37", "6011", "65", "3528", "36", "62"]),
    st.text("0123456789", min_size=11, max_size=13),
    st.sampled_from(["", " ", "-"]),
)
AROUND = st.text(st.characters(exclude_categories=("Nd", "Cs")), max_size=30)


@given(AROUND, CARDS, AROUND)
def test_no_card_survives(before: str, card: str, after: str) -> None:
    assert card not in mask(f"{before}{card}{after}")


@given(st.integers(0, 9999), CARDS, st.integers(0, 999))
def test_no_card_survives_between_other_numbers(before: int, card: str, after: int) -> None:
    masked = mask(f"order {before} {card} {after} items")
    assert card not in masked


TOKENS = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "glpat-abcdefghij1234567890",
    "xoxb-1234567890-abcdefghijkl",
    "sk-live-abcdefghijklmnop1234",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("token", TOKENS)
@given(around=AROUND)
def test_no_token_survives(token: str, around: str) -> None:
    masked = mask(f"{around} {token} tail")
    assert token not in masked
    assert masked.endswith("tail")


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/", min_size=8, max_size=60))
def test_no_bearer_survives(token: str) -> None:
    if token[0].isalnum():
        assert token not in mask(f"GET /pay Authorization: Bearer {token}").replace("GET /pay", "")
        assert token not in mask(f"curl -H 'bearer {token}' failed").replace("failed", "")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("password=hunter2 ok", "password=<secret> ok"),
        ('{"api_key": "k3y", "user": "ada"}', '{"api_key": "<secret>", "user": "ada"}'),
        ("postgres://ada:s3cret@db:5432/orders", "postgres://<secret>@db:5432/orders"),
        ("?access_token=abc&page=2", "?access_token=<secret>&page=2"),
        ("DB_PASSWORD: 'x y'", "DB_PASSWORD: '<secret>'"),
        ("basic dXNlcjpwYXNz", "basic <secret>"),
    ],
)
def test_what_is_around_a_secret_stays(said: str, kept: str) -> None:
    assert mask(said) == kept


@pytest.mark.parametrize(
    "harmless",
    [
        "order 1700000000000 took 12 ms", "id 4111111111111112", "2026-11-22 13:48:00.123 started", "page 3 of 17",
        "trace 00000000000000000000000000000001", "the token bucket is full", "keyboard passed",
    ],
)  # fmt: skip
def test_harmless_lines_stay_as_they_are(harmless: str) -> None:
    assert mask(harmless) == harmless


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)


SECRETS = ("4111111111111111", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "hunter2hunter2")
WITH_ALL = f"card {SECRETS[0]} bearer {SECRETS[1]} password={SECRETS[2]}"


def test_nothing_that_is_stored_or_remembered_holds_a_secret() -> None:
    normalizer = Normalizer()
    span = Span(PAYMENTS, CLIENT, 1, name=WITH_ALL, attributes={"server.address": WITH_ALL, "db.system": WITH_ALL})
    told = [
        normalizer.apply(
            decoded(
                m=metrics(
                    [(prometheus("up", job="api", note=WITH_ALL), T0, 1.0), (prometheus("up", x=WITH_ALL), T0, 1.0)]
                ),
                l=logs([WITH_ALL], T0),
                s=spans(span),
            ),
            T0,
        ),
        normalizer.apply(decoded(l=logs(["x"], T0, who=resource("cart", **{"service.version": WITH_ALL}))), T0),
    ]
    alert = Alert(
        id="a", fingerprint="f", entity="", name="n", severity="major", status="firing", since_ms=1, at_ms=1,
        decided_by=VersionRef("rule/n", 0), labels={"service": "payments", "note": WITH_ALL}, summary=WITH_ALL,
    )  # fmt: skip
    told += [normalizer.apply(Decoded(alerts=(alert,)), T0), normalizer.tick(T0 + 5 * 10**9)]
    stored = repr(told) + repr(normalizer.series) + repr(normalizer.topology) + repr(normalizer.templates)
    stored += repr(normalizer.unplaced) + normalizer.snapshot().decode("latin1")
    for secret in SECRETS:
        assert secret not in stored
    assert "<secret>" in stored


def test_a_stream_with_a_secret_in_its_labels_is_known_again_after_a_restart() -> None:
    stream = prometheus("requests_total", job="api", note=WITH_ALL)
    before, after = Normalizer(), Normalizer()
    before.apply(decoded(m=metrics([(stream, T0, 10.0)])), T0)
    after.restore(before.snapshot())
    batch = after.apply(decoded(m=metrics([(stream, T0 + 10 * S, 30.0)])), T0 + 10 * S).metrics
    assert batch is not None
    assert batch.value.tolist() == [2.0]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a.", "a-", "key.", "eyJ", "key='", 'token="', "://a", "4 ", "pwd=bearer ", " "])
def test_a_long_line_costs_its_length_and_no_power_of_it(piece: str) -> None:
    mask("key " + piece * (65_536 // len(piece)))


def test_a_quote_that_a_cut_left_open_hides_what_follows() -> None:
    assert "hunter2" not in mask("login password='hunter2 and more")


def test_a_secret_across_the_cut_is_not_left_as_half_of_one() -> None:
    assert mask_to(f'{"x" * 90} password="{"hunter2 " * 20}"', 120).endswith('password="<secret>"')
