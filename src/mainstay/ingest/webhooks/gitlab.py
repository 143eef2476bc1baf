"""Changes told by GitLab: deployments, pushes to the default branch, tags, and feature flags.

A webhook of a project or a group, address `https://…/v1/gitlab`, with a secret token (`X-Gitlab-Token`) or a signing
token (`webhook-signature`). A deployment is one change, told when it is done. A service is the project.
Source: docs.gitlab.com, "Webhook events", "Webhooks: signing token".
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

DONE = ("success", "failed")
NOTHING = "0" * 40
"""The commit that a deleted branch or tag is pushed to."""


def named(headers: Mapping[str, str], body: bytes) -> bytes:
    """The record of one delivery."""
    delivery = headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid", "")
    return wrapped(headers.get("x-gitlab-event", ""), delivery, body)


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """One delivery. An event that is no change (an issue, a job, a branch) holds nothing and is accepted.

    Raises:
        BadInput: It is not JSON.
    """
    return change_in(body, received_ns, "GitLab", _read)


def _read(envelope: Envelope, gate: Gate) -> Change | None:
    payload = envelope.payload
    kind = text(payload, "object_kind")
    if kind == "deployment":
        return _deployment(payload, gate)
    if kind in ("push", "tag_push"):
        return _push(payload, gate, is_tag=kind == "tag_push")
    return _flag(payload, envelope.delivery, gate) if kind == "feature_flag" else None


def _deployment(payload: dict[str, Any], gate: Gate) -> Change | None:
    status = text(payload, "status")
    if status not in DONE:
        return None
    when = text(payload, "status_changed_at")
    at_ns = moment_ns(when, "status_changed_at") if when else gate.now_ns()
    if not gate.is_time(at_ns):
        return None
    failed = "failed: " if status == "failed" else ""
    return Change(
        id=identity("gitlab", _project(payload), "deployment", text(payload, "deployment_id")),
        at_ms=at_ns // 1_000_000,
        kind="deploy",
        subject=_name(payload),
        environment=text(payload, "environment"),
        version=text(payload, "ref") or text(payload, "short_sha"),
        author=text(payload, "user", "username"),
        summary=f"{failed}{text(payload, 'commit_title', most=MOST_SUMMARY)}"[:MOST_SUMMARY],
        source=f"gitlab/{_project(payload)}",
    )


def _push(payload: dict[str, Any], gate: Gate, *, is_tag: bool) -> Change | None:
    name = text(payload, "ref").removeprefix("refs/heads/").removeprefix("refs/tags/")
    is_main = is_tag or name == text(payload, "project", "default_branch")
    after, at_ns = text(payload, "after"), gate.now_ns()
    if not is_main or after == NOTHING or not gate.is_time(at_ns):
        return None
    files = files_of(at(payload, "commits"))
    commits = at(payload, "commits")
    last = commits[-1] if isinstance(commits, list) and commits else {}
    return Change(
        id=identity("gitlab", _project(payload), text(payload, "ref"), after),
        at_ms=at_ns // 1_000_000,
        kind="deploy" if is_tag else kind_of_files(files),
        subject=_name(payload),
        version=name if is_tag else after[:12],
        previous_version="" if is_tag else text(payload, "before")[:12],
        author=text(payload, "user_username"),
        summary=text(last, "title", most=MOST_SUMMARY),
        source=f"gitlab/{_project(payload)}",
        size=len(files),
    )


def _flag(payload: dict[str, Any], delivery: str, gate: Gate) -> Change | None:
    flag, at_ns = at(payload, "object_attributes"), gate.now_ns()
    if not gate.is_time(at_ns):
        return None
    is_on = at(flag, "active")
    if not isinstance(is_on, bool):
        raise BadInput("object_attributes.active: expected true or false")
    name = text(flag, "name")
    return Change(
        id=identity("gitlab", _project(payload), "flag", text(flag, "id"), str(is_on), delivery or str(at_ns)),
        at_ms=at_ns // 1_000_000,
        kind="flag",
        subject=_name(payload),
        version=f"{name} {'on' if is_on else 'off'}",
        author=text(payload, "user", "username"),
        summary=text(flag, "description", most=MOST_SUMMARY) or f"flag {name} switched {'on' if is_on else 'off'}",
        source=f"gitlab/{_project(payload)}",
    )


def _name(payload: dict[str, Any]) -> str:
    path = text(payload, "project", "path_with_namespace")
    name = path.rpartition("/")[2] or text(payload, "project", "name")
    if not name:
        raise BadInput("project.path_with_namespace: expected the path of the project")
    return name


def _project(payload: dict[str, Any]) -> str:
    return text(payload, "project", "path_with_namespace") or _name(payload)
