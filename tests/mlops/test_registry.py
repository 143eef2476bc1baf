"""Versions: immutable, named by their content, refused when their bytes are not what was registered."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest
from tests.mlops.keeper import Keeper, registry

from mainstay.domain.errors import Corrupt, NotFound, Refused
from mainstay.domain.models import VersionRef
from mainstay.mlops import Keys
from mainstay.mlops.artefacts import Artefacts
from mainstay.mlops.registry import KINDS
from mainstay.mlops.trust.statement import attest
from mainstay.models.catalogue import SHIPPED, defaults_of


def test_the_first_start_registers_and_deploys_what_is_shipped(tmp_path):
    keeper = Keeper()
    deployments = registry(tmp_path, keeper).deployments()
    assert {kind: str(d["*"].live) for kind, d in deployments.items()} == {kind: f"{kind}@1" for kind in KINDS}
    assert all(d["*"].shadow is None for d in deployments.values())
    assert {e.kind for e in keeper.entries.values()} == {"version", "deployment"}
    assert len(keeper.entries) == 2 * len(KINDS)
    assert keeper.entries["version-metrics@1"].output["algorithm"] == SHIPPED["metrics"]


def test_a_second_start_adds_nothing(tmp_path):
    keeper = Keeper()
    registry(tmp_path, keeper).deployments()
    before = dict(keeper.entries)
    registry(tmp_path, keeper).deployments()
    assert keeper.entries == before
    assert len(keeper.kept) == len(KINDS)


def test_the_same_content_is_the_same_version(tmp_path):
    models = registry(tmp_path)
    one = models.register("edges", "edge-shift", {"ratio": 2.5}, by="ada", why="calmer")
    again = models.register("edges", "edge-shift", {"ratio": 2.5}, by="bob", why="the same")
    other = models.register("edges", "edge-shift", {"ratio": 2.6}, by="ada", why="other", parent=one.ref)
    assert one == again
    assert (str(one.ref), str(other.ref)) == ("edges@1", "edges@2")
    assert one.artefact != other.artefact
    assert other.parent == one.ref


@pytest.mark.parametrize("parameters", [{"nonsense": 1}, {"ratio": "high"}])
def test_parameters_that_the_algorithm_refuses_are_not_registered(tmp_path, parameters):
    keeper = Keeper()
    with pytest.raises(ValueError, match=r"nonsense|ratio"):
        registry(tmp_path, keeper).register("edges", "edge-shift", parameters, by="ada", why="")
    assert not keeper.kept


def test_an_unknown_algorithm_is_named(tmp_path):
    with pytest.raises(NotFound, match="oracle"):
        registry(tmp_path).register("edges", "oracle", {}, by="ada", why="")


def test_a_version_that_does_not_exist(tmp_path):
    with pytest.raises(NotFound, match="edges@9"):
        registry(tmp_path).load(VersionRef("edges", 9))


def test_changed_bytes_are_refused(tmp_path):
    models = registry(tmp_path)
    version = models.register("edges", "edge-shift", defaults_of("edge-shift"), by="ada", why="")
    path = tmp_path / "artefacts" / f"{version.artefact}.json"
    path.write_bytes(path.read_bytes().replace(b"1.8", b"1.0"))
    with pytest.raises(Corrupt, match="digest"):
        models.load(version.ref)
    path.unlink()
    with pytest.raises(NotFound, match="backup"):
        models.load(version.ref)


def test_an_artefact_of_another_algorithm_is_refused(tmp_path):
    keeper = Keeper()
    models = registry(tmp_path, keeper)
    edges = models.register("edges", "edge-shift", {}, by="ada", why="")
    logs = models.register("logs", "template-watch", {}, by="ada", why="")
    forged = msgspec.structs.replace(edges, artefact=logs.artefact)
    word = models.artefacts.keep(attest(forged, "", Keys(tmp_path / "keys")))  # even when we signed it
    keeper.kept[edges.ref] = msgspec.structs.replace(forged, attestation=word)
    with pytest.raises(Corrupt, match="template-watch"):
        models.load(edges.ref)


def test_a_version_of_a_release_with_more_parameters_is_refused_in_words(tmp_path, monkeypatch):
    """Mainstay itself was rolled back: what the newer one registered is listed, and not served."""
    models, name = registry(tmp_path), "time-topology"
    made = models.register("correlator", name, defaults_of(name), by="mainstay", why="the newer one")
    older = {weight: value for weight, value in defaults_of(name).items() if weight != "own_at"}
    monkeypatch.setattr(type(models.load(made.ref)), "DEFAULTS", older)
    with pytest.raises(Refused, match=r"correlator@1 does not fit time-topology as it is in this release: .*`own_at`"):
        models.load(made.ref)


def test_arrays_can_be_artefacts_and_pickles_cannot(tmp_path):
    kept, stream = Artefacts(tmp_path), io.BytesIO()
    np.savez(stream, weights=np.arange(3.0))
    assert kept.load(kept.keep(stream.getvalue()))["weights"].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(Corrupt, match="JSON"):
        kept.keep(b"\x80\x04\x95")
    stream = io.BytesIO()
    np.savez(stream, weights=np.array([{"a": 1}], dtype=object))
    with pytest.raises(Corrupt, match="allow_pickle"):
        kept.load(kept.keep(stream.getvalue()))


def test_every_kind_has_a_shipped_algorithm_that_its_defaults_build(tmp_path):
    models = registry(tmp_path)
    for kind in KINDS:
        assert models.load(models.register_shipped(kind).ref)
