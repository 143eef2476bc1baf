"""The incident in three to five sentences, each with the evidence behind it; and in one line."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.incidents import Incident, Suspect
from mainstay.intelligence.symptoms import is_user_facing, says, state, states
from mainstay.intelligence.wording import CAUSES, blamed, cited, clock, clock_s, counted, lasted, listed, percent, short

SURE, LIKELY = 0.75, 0.5


def title(incident: Incident, alerts: Sequence[Alert], worst: Alert, changes: Sequence[Change]) -> str:
    """`payments slow since 02:14 — deploy v42 of payments (91 %)`."""
    first = _first(incident)
    subject = worst.about
    if first is not None and first.probability >= LIKELY and states(alerts, first.entity):
        subject = first.entity
    what = states(alerts, subject)[0] if states(alerts, subject) else state(worst)
    head = f"{short(subject)} {what} since {clock(incident.since_ms)}"
    if first is None:
        return f"{head} — cause not known yet"
    return f"{head} — {blamed(first, _version(first, changes))}"


def summary(incident: Incident, alerts: Sequence[Alert], worst: Alert, changes: Sequence[Change], at_ms: int) -> str:
    """Plain language: what is felt, why we think so, who suffers, how it stands."""
    sentences = [
        _felt(incident, worst),
        *_why(incident, changes),
        *_suffering(incident, alerts),
        _standing(incident, alerts, at_ms),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _felt(incident: Incident, worst: Alert) -> str:
    felt = "felt" if incident.status == "resolved" else "feel"
    seen = f"Users {felt} it: " if is_user_facing(worst) else ""
    line = says(worst)
    line = line if seen else line[:1].upper() + line[1:]
    return f"{seen}{line}, since {clock_s(incident.since_ms)}{_cite(incident, worst.id)}."


def _why(incident: Incident, changes: Sequence[Change]) -> list[str]:
    first = _first(incident)
    if first is None:
        return ["There is not enough evidence to name a cause yet."]
    what, sure = CAUSES[first.cause].format(short(first.entity)), percent(first.probability)
    if first.probability >= SURE:
        lead = f"The cause is very likely {what} ({sure})"
    elif first.probability >= LIKELY:
        lead = f"The cause is probably {what} ({sure})"
    else:
        lead = f"The best guess is {what} ({sure}): not sure enough to act on"
    sentences = [f"{lead}{cited(first.evidence)}."]
    change = next((c for c in changes if c.id == first.change), None)
    if change is not None:
        sentences.append(_changed(incident, first, change))
    elif first.says:
        sentences.append(f"What speaks for it: {first.says}.")
    return sentences


def _changed(incident: Incident, first: Suspect, change: Change) -> str:
    version = f" {change.version}" if change.version else ""
    before_ms = incident.since_ms - change.at_ms
    when = f"{lasted(before_ms)} before it began" if before_ms >= 1000 else "as it began"
    author = f" ({change.author})" if change.author else ""
    what = {"deploy": "Deploy", "rollback": "Rollback", "config": "Configuration", "flag": "Feature flag"}
    kind = what.get(change.kind, change.kind.capitalize())
    at = f"{clock_s(change.at_ms)}{author}"
    return f"{kind}{version} of {short(first.entity)} went out at {at}, {when}{_cite(incident, change.id)}."


def _suffering(incident: Incident, alerts: Sequence[Alert]) -> list[str]:
    if not incident.impact:
        return []
    names = [short(entity) for entity in incident.impact]
    first = _first(incident)
    known = [entity for entity in incident.impact if states(alerts, entity)]
    how = f", {short(known[0])} is {states(alerts, known[0])[0]}" if len(known) == 1 and len(names) > 1 else ""
    since = f" because of {short(first.entity)}" if first is not None and first.probability >= LIKELY else ""
    verb = "suffered" if incident.status == "resolved" else "suffers" if len(names) == 1 else "suffer"
    return [f"{listed(names)} {verb}{since}{how}."]


def _standing(incident: Incident, alerts: Sequence[Alert], at_ms: int) -> str:
    firing = sum(1 for alert in alerts if alert.status == "firing")
    whole = counted(len(alerts), "alert")
    if incident.status == "resolved":
        length = lasted((incident.resolved_ms or at_ms) - incident.since_ms)
        calm = f"all {whole} are calm" if len(alerts) > 1 else "its alert is calm"
        return f"It was resolved after {length}; {calm}."
    since = lasted(at_ms - incident.since_ms)
    if firing == len(alerts) > 1:
        return f"All {whole} still fire, {since} after the onset."
    return f"{firing} of {whole} still fire{'s' if firing == 1 else ''}, {since} after the onset."


def _first(incident: Incident) -> Suspect | None:
    return incident.suspects[0] if incident.suspects else None


def _version(suspect: Suspect, changes: Sequence[Change]) -> str:
    return next((change.version for change in changes if change.id == suspect.change), "")


def _cite(incident: Incident, ref: str) -> str:
    return cited([item.id for item in incident.evidence if item.ref == ref], 1)
