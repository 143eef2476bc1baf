"""A model goes wrong: what its service suffers becomes one incident, with the model as its first suspect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.scenarios.drill import Drill, Fault, ms, storm
from tests.scenarios.shops import DEEP, ENV, WIDE, Shop, entity

from mainstay.domain.alerts import Alert, Band
from mainstay.domain.entities import Edge, Entity, Topology, entity_id
from mainstay.domain.models import VersionRef

MODEL = entity_id("model", ENV, "score")
CASES = [(WIDE, "pricing"), (WIDE, "orders"), (DEEP, "offers"), (DEEP, "session")]
CHANNELS = {"score": ("model output drifted", "minor", "other"), "accuracy": ("model less accurate", "major", "errors")}


def with_model(shop: Shop, user: str) -> Topology:
    """What the normalizer makes of predictions that say who asked: an entity, and an edge to it."""
    plain = shop.topology()
    model = Entity(id=MODEL, kind="model", name="score", environment=ENV)
    edges = (*plain.edges, Edge(caller=entity(user), callee=MODEL))
    return msgspec.structs.replace(plain, entities={**plain.entities, MODEL: model}, edges=edges)


def of_model(channel: str, since_s: float, at_s: float) -> tuple[float, Alert]:
    """An alert of the watch over models in production, as it makes them."""
    name, severity, signal = CHANNELS[channel]
    alert = Alert(
        id=f"score-{channel}", fingerprint=f"score-{channel}", entity=MODEL, name=name, status="firing",
        since_ms=ms(since_s), at_ms=ms(at_s), decided_by=VersionRef("predictions", 1), subject=f"{MODEL}@7",
        signal=signal, severity=severity, channel=channel, band=Band(low=0.0, high=0.25, value=1.1),
        summary=f"{channel} of score 7 is not what it was", labels={"model_version": "7"},
    )  # fmt: skip
    return at_s, alert


def drilled(shop: Shop, user: str, *more: tuple[float, Any]) -> Drill:
    """The service fails by itself: it goes by the model, and no call to whoever serves that fails."""
    fault = Fault(user, errors=0.35)
    drill = Drill(shop, with_model(shop, user))
    drill.run(until_s=270, faults=[fault], script=[*storm(shop, fault, errors=True), *more])
    drill.judges.reperform()
    return drill


@pytest.mark.parametrize(("shop", "user"), CASES)
def test_the_model_is_the_first_suspect_of_the_one_incident(shop: Shop, user: str) -> None:
    drill = drilled(shop, user, of_model("score", 122, 178), of_model("accuracy", 160, 190))
    (incident,) = drill.open
    assert {"score-score", "score-accuracy"} <= {grouping.alert for grouping in incident.groupings}
    first = incident.suspects[0]
    assert (first.entity, first.cause) == (MODEL, "model")
    assert first.probability > 0.5
    assert "score 7 is not what it was" in first.says
    assert first.evidence


@pytest.mark.parametrize(("shop", "user"), CASES)
def test_before_the_model_is_heard_of_the_service_is_suspected(shop: Shop, user: str) -> None:
    (incident,) = drilled(shop, user).open
    assert incident.suspects[0].entity == entity(user)


@pytest.mark.parametrize(("shop", "user"), CASES[:2])
def test_drift_alone_is_enough_to_name_it_and_labels_make_it_surer(shop: Shop, user: str) -> None:
    alone, both = [of_model("score", 122, 178)], [of_model("score", 122, 178), of_model("accuracy", 160, 190)]
    found = [drilled(shop, user, *script).open[0].suspects[0] for script in (alone, both)]
    assert [suspect.entity for suspect in found] == [MODEL, MODEL]
    assert found[0].probability <= found[1].probability


def test_a_model_of_another_service_is_not_blamed() -> None:
    fault = Fault("search", errors=0.35)
    drill = Drill(WIDE, with_model(WIDE, "orders"))
    script = [*storm(WIDE, fault, errors=True), of_model("score", 122, 178)]
    drill.run(until_s=270, faults=[fault], script=script)
    suffered = [one for one in drill.open if entity("search") in one.entities]
    assert suffered[0].suspects[0].entity == entity("search")
