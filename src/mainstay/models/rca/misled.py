"""A model that goes wrong answers in time and without an error: who decides by it fails, and no call to it does."""

from __future__ import annotations

from mainstay.models.rca.case import AlertFact, short
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.picture import ILLNESS, Picture


def wrong_model(picture: Picture, entity: str) -> list[Clue]:
    """What speaks for a model as the cause: that its inputs or scores moved, that labels find it wrong."""
    weight = picture.weights["model"]
    alerts = _of_model(picture, entity)
    return [
        Clue(
            alert.summary or f"{short(entity)}: {alert.name}",
            weight * ILLNESS.get(alert.severity, 0.3) if rank == 0 else 0.1 * weight,
            "alert",
            alert.id,
            alert.since_ms,
        )
        for rank, alert in enumerate(alerts[:4])
    ]


def misled(picture: Picture, entity: str) -> Clue | None:
    """Why a service that fails by itself is a victim all the same: it goes by a model that is wrong.

    It takes the place of what its calls say of it. They end well, so "errors begin here" and "what it calls is fine"
    would be said of the service however wrong the model is.
    """
    wrong = {model: alerts for model in picture.callees(entity) if (alerts := _of_model(picture, model))}
    if not wrong:
        return None
    model = max(wrong, key=lambda name: (picture.illness(name), name))
    says = f"{short(entity)} decides by {short(model)}, which is not what it was"
    return Clue(says, -picture.weights["explained"] * picture.illness(model))


def _of_model(picture: Picture, entity: str) -> list[AlertFact]:
    """Alerts that a model is not what it was, worst first; none that are older than this trouble.

    Models are judged by windows of predictions and labels that come late: an alert after the onset may well be of
    something that began before it.
    """
    if picture.case.kind(entity) != "model":
        return []
    earliest_ms = picture.first_onset_ms() - picture.weights["model_window_s"] * 1000
    return [alert for alert in picture.alerts_about(entity) if alert.since_ms >= earliest_ms]
