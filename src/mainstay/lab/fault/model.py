"""A model that goes wrong: a retrain overwrites the file that is served, under the same version."""

from __future__ import annotations

from dataclasses import replace

from mainstay.lab.fault.cause import Cause, Place
from mainstay.lab.folder import Folder
from mainstay.lab.scoring.applicants import GOOD, Logistic
from mainstay.lab.scoring.onnx import write_model

BALANCED = 2.6  # what an intercept gains when as many bad as good loans are trained on, and nobody takes it back
WRONG: dict[str, Logistic] = {
    "balanced sample": replace(GOOD, bias=GOOD.bias + BALANCED),
    "sign of income": replace(GOOD, weights=(-GOOD.weights[0], *GOOD.weights[1:])),
}


def degraded_model(place: Place) -> Cause:
    """A retrained file with wrong weights is put where the service serves from; nothing announces it."""
    model = place.shop.service(place.service).serves
    assert model is not None, "only services that serve a model are a place for this"
    variant = place.draw.choice(sorted(WRONG))
    write_model(place.folder.served_model(place.service), WRONG[variant])
    return Cause(
        accepted=(model.name,),
        affected=place.shop.askers_of(place.service),
        mends=(("restart", place.service),),
        signs={"model": place.service},
        variant=variant,
    )


def is_overwritten(folder: Folder, service: str) -> bool:
    """Whether a service serves another file than the one released."""
    return folder.served_model(service).read_bytes() != folder.released_model(service).read_bytes()
