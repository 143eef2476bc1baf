"""Changes told by GitHub: `deployment`, `deployment_status`, `push` to the default branch, `release`.

A webhook of a repository or an organisation, content type `application/json`, address `https://…/v1/github`, with a
secret. A deployment is one change however often its status is told: requested, then done (its time moves along). A
service is what the deployment's payload names (`service`), else the repository.
Source: docs.github.com, "Webhook events and payloads", "Validating webhook deliveries".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.domain.changes import Change
from mainstay.domain.errors import BadInput
from mainstay.domain.signals import Decoded
from mainstay.ingest.limits import Gate
from mainstay.ingest.webhooks.reading import (
    MOST_SUMMARY,
    Envelope,
    at,
    change_in,
    files_of,
    identity,
    kind_of_files,
    moment_ns,
    text,
    wrapped,
)

DONE = ("success", "failure", "error")  # other states are on their way, or were replaced
PUBLISHED = ("published", "released")


def named(headers: Mapping[str, str], body: bytes) -> bytes:
    """The record of one delivery."""
    return wrapped(headers.get("x-github-event", ""), headers.get("x-github-delivery", ""), body)


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """One delivery. An event that is no change (a ping, an issue, a branch) holds nothing and is accepted.

    Raises:
        BadInput: It is not JSON.
    """
    return change_in(body, received_ns, "GitHub", _read)


def _read(envelope: Envelope, gate: Gate) -> Change | None:
    event, payload = envelope.event, envelope.payload
    if event in ("deployment", "deployment_status"):
        return _deployment(payload, gate)
    if event == "push":
        return _push(payload, gate)
    return _release(payload, gate) if event == "release" else None


def _deployment(payload: dict[str, Any], gate: Gate) -> Change | None:
    deployment, status = at(payload, "deployment"), at(payload, "deployment_status")
    if not isinstance(deployment, dict):
        raise BadInput("deployment: expected an object")
    state = text(status, "state") if status is not None else ""
    if status is not None and state not in DONE:
        return None
    told, field = (status, "deployment_status") if status is not None else (deployment, "deployment")
    when = text(told, "created_at") or text(deployment, "created_at")
    at_ns = moment_ns(when, f"{field}.created_at") if when else gate.now_ns()
    if not gate.is_time(at_ns):
        return None
    summary = text(status, "description", most=MOST_SUMMARY) or text(deployment, "description", most=MOST_SUMMARY)
    failed = f"{state}: " if state in ("failure", "error") else ""
    return Change(
        id=identity("github", _repository(payload), "deployment", text(deployment, "id")),
        at_ms=at_ns // 1_000_000,
        kind="rollback" if text(deployment, "task") == "rollback" else "deploy",
        subject=_service(payload, deployment),
        environment=text(deployment, "environment"),
        version=text(deployment, "ref") or text(deployment, "sha")[:12],
        author=text(deployment, "creator", "login") or text(payload, "sender", "login"),
        summary=f"{failed}{summary}"[:MOST_SUMMARY],
        source=f"github/{_repository(payload)}",
    )


def _push(payload: dict[str, Any], gate: Gate) -> Change | None:
    branch = text(payload, "ref").removeprefix("refs/heads/")
    is_gone = at(payload, "deleted") is True
    if is_gone or branch != text(payload, "repository", "default_branch"):
        return None
    files = files_of(at(payload, "commits"))
    at_ns = gate.now_ns()  # a push does not say when; its commits may be old
    if not gate.is_time(at_ns):
        return None
    return Change(
        id=identity("github", _repository(payload), "push", text(payload, "after")),
        at_ms=at_ns // 1_000_000,
        kind=kind_of_files(files),
        subject=_name(payload),
        version=text(payload, "after")[:12],
        previous_version=text(payload, "before")[:12],
        author=text(payload, "pusher", "name") or text(payload, "sender", "login"),
        summary=text(payload, "head_commit", "message", most=MOST_SUMMARY).partition("\n")[0],
        source=f"github/{_repository(payload)}",
        size=len(files),
    )


def _release(payload: dict[str, Any], gate: Gate) -> Change | None:
    release = at(payload, "release")
    if text(payload, "action") not in PUBLISHED or at(release, "draft") is True:
        return None
    at_ns = moment_ns(text(release, "published_at"), "release.published_at")
    if not gate.is_time(at_ns):
        return None
    return Change(
        id=identity("github", _repository(payload), "release", text(release, "id")),
        at_ms=at_ns // 1_000_000,
        kind="deploy",
        subject=_name(payload),
        version=text(release, "tag_name"),
        author=text(release, "author", "login"),
        summary=text(release, "name", most=MOST_SUMMARY),
        source=f"github/{_repository(payload)}",
    )


def _service(payload: dict[str, Any], deployment: dict[str, Any]) -> str:
    return text(deployment, "payload", "service") or _name(payload)


def _name(payload: dict[str, Any]) -> str:
    name = text(payload, "repository", "name")
    if not name:
        raise BadInput("repository.name: expected the name of the repository")
    return name


def _repository(payload: dict[str, Any]) -> str:
    return text(payload, "repository", "full_name") or _name(payload)
