"""New series met many at a time: the same entities, series, numbers and state as each read by itself."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.normalize.senders import T0

from mainstay.domain.signals import Decoded, Normal
from mainstay.ingest import decode
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.wire import varint_of, written
from mainstay.normalize import Normalizer
from mainstay.normalize.entities import directory
from mainstay.normalize.entities.mapping import EntityMapping

MS = T0 // 1_000_000
Labels = dict[str, str]
MAPPING = EntityMapping.load()
DRAWN = "payments-7d9f8b6c5d-x2x7k"


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    READY.wait()


def pairs(labels: Labels) -> bytes:
    """As Prometheus writes them: by name, and a value even where it is empty."""
    texts = sorted((name.encode(), value.encode()) for name, value in labels.items())
    return b"".join(written(1, written(1, name) + written(2, value)) for name, value in texts)


def request(*sets: Labels, value: float = 1.0) -> Decoded:
    sample = written(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint_of(MS))
    body = b"".join(written(1, pairs(labels) + sample) for labels in sets)
    decoded = decode("remote-write", body, T0)
    assert decoded.metrics is not None
    assert decoded.metrics.keys is not None, "not a usual body"
    return decoded


def one_by_one(decoded: Decoded) -> Decoded:
    """The same request, whose streams nobody can read but each by itself."""
    metrics = decoded.metrics
    assert metrics is not None
    assert metrics.keys is not None
    return replace(decoded, metrics=replace(metrics, keys=replace(metrics.keys, words=None)))


def said(normal: Normal) -> object:
    metrics = normal.metrics
    columns = metrics and (metrics.series.tolist(), metrics.at_ns.tolist(), metrics.value.tolist())
    return tuple(normal.new_series), columns, normal.unplaced, normal.late


def met(*requests: list[Labels], most: int = 1_000) -> Normalizer:
    """A normaliser that met them together; it is what one became that met them one by one."""
    together, apart = Normalizer(MAPPING, max_series=most), Normalizer(MAPPING, max_series=most)
    for turn, sets in enumerate(requests):
        decoded = request(*sets, value=float(turn))
        at_ns = T0 + turn
        assert said(together.apply(decoded, at_ns)) == said(apart.apply(one_by_one(decoded), at_ns))
        assert together.snapshot() == apart.snapshot()
    return together


names = st.sampled_from(["up", "rpc_total", "rpc_bucket", "rpc_count", "rpc_sum", "Größe", "m" * 300])
label_names = st.sampled_from(
    [
        "service",
        "job",
        "instance",
        "namespace",
        "pod",
        "le",
        "cluster",
        "env",
        "version",
        "team",
        "slot",
        "ключ",
        "n" * 40,
    ]
)
values = st.sampled_from(
    ["", "a", "api", "web-1", DRAWN, "10.0.0.7:9100", "7f0c2d9e41ab", "password=hunter2", "0.5", "+Inf", "prod", "日本",
     "4111111111111111", "x" * 31, "x" * 32, "y z" * 100, "12345"]
) | st.text(max_size=20)  # fmt: skip
label_sets = st.builds(
    lambda name, labels: {"__name__": name, **labels}, names, st.dictionaries(label_names, values, max_size=8)
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(label_sets, min_size=1, max_size=8), min_size=1, max_size=3))
def test_together_is_as_one_by_one(requests: list[list[Labels]]) -> None:
    met(*requests)


def test_a_shop_of_pods() -> None:
    sets = [
        {
            "__name__": f"metric_{n % 3}",
            "namespace": "shop",
            "pod": f"cart-{n % 4}",
            "job": "kubelet",
            "path": f"/v/{n}",
        }
        for n in range(60)
    ]
    normalizer = met(sets, sets, [{**one, "extra": "1"} for one in sets])
    assert len(normalizer.series) == 120


def test_what_an_entity_says_of_itself_last_is_what_it_says() -> None:
    said_by = [
        {"__name__": "up", "service": "cart", "version": version, "n": str(n)} for n, version in enumerate("121312")
    ]
    normalizer = met(said_by)
    (entity,) = normalizer.topology.entities.values()
    assert entity.attributes["version"] == "2"


def test_what_has_no_place_is_listed_with_all_its_labels() -> None:
    sets = [{"__name__": "up", "odd": f"thing {n}"} for n in range(5)]
    sets[2:2] = [{"__name__": "up", "service": "cart"}, {"__name__": "up", "service": "pay", "odd": "no"}]
    assert len(met(sets).unplaced) == 5


def test_a_copy_whose_name_is_drawn_tells_nothing() -> None:
    kept = met([{"__name__": "up", "service": "pay", "instance": DRAWN, "pod": DRAWN, "zone": "a"}]).series[0].labels
    assert kept == (("zone", "a"),)


def test_secrets_are_not_written() -> None:
    kept = met([{"__name__": "up", "service": "pay", "url": "token=abcdef123456"}]).series[0].labels
    assert ("url", "token=<secret>") in kept


@pytest.mark.parametrize("count", [14, 15, 16, 17, 63, 64, 65, 200])
def test_many_labels(count: int) -> None:
    labels = {f"l{n:03}": f"v{n}" for n in range(count)}
    kept = met([{"__name__": "up", "service": "pay", **labels}]).series[0].labels
    assert len(kept) == min(count, 64)


@pytest.mark.parametrize("size", [31, 32, 255, 256, 257, 65_535, 65_536])
def test_long_values_and_names(size: int) -> None:
    met([{"__name__": "up", "service": "pay", "text": "x" * size, "n" * min(size, 1024): "1"}])
    met([{"__name__": "m" * size, "service": "pay"}])


def test_buckets_of_a_histogram_are_one_group() -> None:
    sets = [{"__name__": "rpc_bucket", "job": "api", "le": le} for le in ("0.1", "1", "+Inf")]
    normalizer = met(sets, sets, sets)
    assert [one.metric for one in normalizer.series][:2] == ["rpc.p50", "rpc.p95"]


def test_two_ways_to_say_one_series() -> None:
    """The copies differ by a name that is drawn anew: one series, two streams."""
    met([{"__name__": "up", "service": "pay", "pod": f"pay-7d9f8b6c5d-x2x7{n}"} for n in "abc"])


def test_the_room_for_series_ends() -> None:
    normalizer = met([{"__name__": "up", "service": "pay", "n": str(n)} for n in range(12)], most=8)
    assert normalizer.counts["series"] == 8
    assert normalizer.counts["series_refused"] == 4


def test_the_room_for_entities_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MAX_ENTITIES", 3)
    normalizer = met([{"__name__": "up", "service": f"s{n % 7}", "n": str(n)} for n in range(20)])
    assert sum(one.kind == "service" for one in normalizer.topology.entities.values()) == 3


def test_known_streams_are_not_identified_again() -> None:
    """After a restart every byte is new, and no stream is."""
    sets = [{"__name__": "up", "service": "pay", "n": str(n)} for n in range(9)]
    before = met(sets)
    again = Normalizer(MAPPING)
    again.restore(before.snapshot())
    again.apply(request(*sets[:5], {"__name__": "up", "service": "pay", "n": "new"}, *sets[5:], value=2.0), T0 + 5)
    assert [dict(one.labels)["n"] for one in again.series][-1] == "new"
    assert len(again.series) == 10


def test_what_is_left_out_can_be_read_together_too() -> None:
    """The limit at the door takes streams away; the words of the others stand where they stood."""
    from mainstay.ingest import withheld

    decoded = request(*({"__name__": "up", "service": "pay", "n": str(n)} for n in range(6)))
    less, _ = withheld.without(decoded, np.array([False, True, False, True, False, False]), "too many")
    normalizer = Normalizer(MAPPING)
    normalizer.apply(less, T0)
    assert [dict(one.labels)["n"] for one in normalizer.series] == ["0", "2", "4", "5"]
