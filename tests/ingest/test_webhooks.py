"""Webhooks of GitHub and GitLab: who signed is let in, what is a change is kept, the rest is accepted and forgotten."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ingest.sender import JSON, NOW, Sender

from mainstay.domain.errors import BadFile, BadInput
from mainstay.ingest import decode
from mainstay.ingest.rejections import Rejected
from mainstay.ingest.webhooks.reading import wrapped
from mainstay.ingest.webhooks.signature import GITHUB, GITLAB, Secrets, is_github, is_gitlab

KEY = b"it's a secret to everybody"
REPOSITORY = {"name": "payments", "full_name": "acme/payments", "default_branch": "main"}
DEPLOYMENT = {
    "id": 7, "sha": "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d", "ref": "v1.4.0", "task": "deploy",
    "environment": "prod", "creator": {"login": "ada"}, "created_at": "2026-11-22T14:00:00Z",
    "description": "release", "payload": {},
}  # fmt: skip
PUSH = {
    "ref": "refs/heads/main", "before": "1" * 40, "after": "2" * 40, "deleted": False, "repository": REPOSITORY,
    "pusher": {"name": "ada"}, "head_commit": {"message": "faster\n\nmuch", "timestamp": "2026-11-22T13:00:00Z"},
    "commits": [{"added": ["a.py"], "modified": ["b.py"], "removed": []}, {"modified": ["b.py", "c.yaml"]}],
}  # fmt: skip
PROJECT = {"name": "Payments", "path_with_namespace": "acme/back/payments", "default_branch": "main"}


def github(event: str, payload: Any) -> Any:
    return decode("github", wrapped(event, "d-1", json.dumps(payload).encode()), NOW)


def gitlab(payload: Any, delivery: str = "d-1") -> Any:
    return decode("gitlab", wrapped("Some Hook", delivery, json.dumps(payload).encode()), NOW)


def status(state: str, **more: Any) -> dict[str, Any]:
    told = {"state": state, "created_at": "2026-11-22T14:05:00Z", "description": "", **more}
    return {"deployment": DEPLOYMENT, "deployment_status": told, "repository": REPOSITORY}


# -- who may


def signed(body: bytes, key: bytes = KEY) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()}


def test_the_example_of_githubs_own_documentation():
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    key = b"It's a Secret to Everybody"
    assert is_github(key, {"x-hub-signature-256": wanted}, b"Hello, World!")


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"x-hub-signature-256": ""}, {"x-hub-signature-256": "sha256="}, {"x-hub-signature": "sha1=x"},
        signed(b"{}", b"other"), {"x-hub-signature-256": "sha256=ä"},
    ],
)  # fmt: skip
def test_githubs_without_the_right_signature_are_out(headers):
    assert not is_github(KEY, headers, b"{}")


def test_one_changed_byte_is_found():
    assert is_github(KEY, signed(b'{"a":1}'), b'{"a":1}')
    assert not is_github(KEY, signed(b'{"a":1}'), b'{"a":2}')


def standard(body: bytes, at_s: int, key: bytes) -> dict[str, str]:
    mac = hmac.new(key, b".".join((b"msg_1", str(at_s).encode(), body)), hashlib.sha256).digest()
    sign = f"v1,AAAA v1,{base64.b64encode(mac).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at_s), "webhook-signature": sign}


def test_gitlabs_token_and_its_signing_token():
    now_s = NOW // 10**9
    assert is_gitlab(KEY, {"x-gitlab-token": KEY.decode()}, b"{}", NOW)
    assert not is_gitlab(KEY, {"x-gitlab-token": "other"}, b"{}", NOW)
    assert not is_gitlab(KEY, {}, b"{}", NOW)
    secret = b"whsec_" + base64.b64encode(KEY)
    assert is_gitlab(secret, standard(b"{}", now_s, KEY), b"{}", NOW)
    assert is_gitlab(KEY, standard(b"{}", now_s, KEY), b"{}", NOW)
    assert not is_gitlab(secret, standard(b"{}", now_s, b"other"), b"{}", NOW)
    assert not is_gitlab(secret, standard(b"{}", now_s, KEY), b"[]", NOW)


def test_an_old_delivery_may_be_a_replay_and_a_token_does_not_rescue_it():
    old = standard(b"{}", NOW // 10**9 - 301, KEY)
    assert not is_gitlab(KEY, {**old, "x-gitlab-token": KEY.decode()}, b"{}", NOW)
    assert not is_gitlab(KEY, {**old, "webhook-timestamp": "soon"}, b"{}", NOW)


def test_secrets_come_from_files(tmp_path: Path):
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert Secrets.read(str(tmp_path / "key"), "") == Secrets(KEY, b"")
    (tmp_path / "empty").write_bytes(b" \n")
    for name in ("empty", "missing"):
        with pytest.raises(BadFile, match=name):
            Secrets.read("", str(tmp_path / name))


def test_without_a_secret_nothing_is_taken():
    with pytest.raises(Rejected, match="github_secret_file") as refused:
        Secrets().check(GITHUB, signed(b"{}"), b"{}", NOW)
    assert refused.value.status == 403


def test_the_door_asks_for_the_signature_and_for_no_token():
    sender = Sender(secrets=Secrets(KEY, KEY))
    try:
        body = json.dumps(status("success")).encode()
        hook = {"x_github_event": "deployment_status", "x_github_delivery": "d-9"}
        for wrong in ({}, {"x_hub_signature_256": "sha256=00"}):
            assert sender.post(GITHUB, body, JSON, authorization="", **hook, **wrong).status == 401
        assert not sender.kept.records
        sign = {"x_hub_signature_256": signed(body)["x-hub-signature-256"]}
        answer = sender.post(GITHUB, body, JSON, authorization="", **hook, **sign)
        assert (answer.status, json.loads(answer.body)) == (200, {"accepted": 1})
        [record] = sender.kept.records
        assert decode(record.source, record.body, record.received_ns).changes[0].subject == "payments"
        answer = sender.post(GITLAB, b"{}", JSON, authorization="", x_gitlab_token=KEY.decode())
        assert (answer.status, json.loads(answer.body)) == (200, {"accepted": 0})
    finally:
        sender.close()


# -- what GitHub says


def test_a_deployment_is_one_change_from_request_to_success():
    [asked] = github("deployment", {"deployment": DEPLOYMENT, "repository": REPOSITORY}).changes
    [done] = github("deployment_status", status("success")).changes
    assert asked.id == done.id
    assert (done.kind, done.subject, done.environment, done.version, done.author) == (
        "deploy", "payments", "prod", "v1.4.0", "ada",
    )  # fmt: skip
    assert done.at_ms - asked.at_ms == 300_000
    assert done.source == "github/acme/payments"


@pytest.mark.parametrize("state", ["pending", "queued", "in_progress", "inactive"])
def test_a_deployment_on_its_way_is_no_change_yet(state):
    found = github("deployment_status", status(state))
    assert (found.changes, found.refused) == ((), 0)


def test_a_deployment_that_failed_may_have_changed_something():
    [change] = github("deployment_status", status("failure", description="timeout")).changes
    assert change.summary == "failure: timeout"


def test_the_payload_of_a_deployment_may_name_the_service():
    said = {**DEPLOYMENT, "payload": {"service": "ledger"}, "task": "rollback"}
    [change] = github("deployment", {"deployment": said, "repository": REPOSITORY}).changes
    assert (change.subject, change.kind) == ("ledger", "rollback")


def test_a_push_to_the_main_line():
    [change] = github("push", PUSH).changes
    assert (change.kind, change.size, change.version, change.previous_version) == ("other", 3, "2" * 12, "1" * 12)
    assert (change.summary, change.author, change.at_ms) == ("faster", "ada", NOW // 1_000_000)


@pytest.mark.parametrize(
    ("files", "kind"),
    [(["x/values.yaml"], "config"), (["main.tf", "a.tfvars"], "infrastructure"), (["main.tf", "a.yaml"], "config")],
)
def test_what_a_push_changes_is_told_by_its_files(files, kind):
    assert github("push", {**PUSH, "commits": [{"modified": files}]}).changes[0].kind == kind


@pytest.mark.parametrize("other", [{"ref": "refs/heads/topic"}, {"deleted": True}, {"ref": "refs/tags/v1"}])
def test_other_pushes_change_nothing(other):
    assert github("push", {**PUSH, **other}).changes == ()


def test_a_release():
    release = {"id": 3, "tag_name": "v2.0.0", "name": "Two", "draft": False, "author": {"login": "ada"},
               "published_at": "2026-11-22T14:00:00Z"}  # fmt: skip
    [change] = github("release", {"action": "published", "release": release, "repository": REPOSITORY}).changes
    assert (change.kind, change.version, change.summary) == ("deploy", "v2.0.0", "Two")
    assert github("release", {"action": "deleted", "release": release, "repository": REPOSITORY}).changes == ()


def test_a_ping_is_accepted_and_forgotten():
    found = github("ping", {"zen": "Design for failure.", "repository": REPOSITORY})
    assert (found.changes, found.refused) == ((), 0)


@pytest.mark.parametrize(
    ("event", "payload", "says"),
    [
        ("deployment", {"deployment": 3}, "deployment: expected an object"),
        ("deployment", {"deployment": {**DEPLOYMENT, "created_at": "soon"}, "repository": REPOSITORY},
         "deployment.created_at: expected a time"),
        ("deployment", {"deployment": {**DEPLOYMENT, "ref": ["x"]}, "repository": REPOSITORY},
         "ref: expected text, got list"),
        ("deployment", {"deployment": DEPLOYMENT}, "repository.name"),
        ("release", {"action": "published", "release": {"published_at": "x"}, "repository": REPOSITORY},
         "release.published_at"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_field(event, payload, says):
    found = github(event, payload)
    assert (found.changes, found.refused) == ((), 1)
    assert says in found.refused_reason


def test_what_is_no_json_is_refused():
    for source in ("github", "gitlab"):
        for body in (b"payload=%7B%7D", b"3", b""):
            with pytest.raises(BadInput):
                decode(source, wrapped("push", "", body), NOW)


# -- what GitLab says


def test_a_deployment_of_gitlab():
    payload = {
        "object_kind": "deployment", "status": "success", "status_changed_at": "2026-11-22 14:00:00 +0200",
        "deployment_id": 15, "environment": "prod", "project": PROJECT, "short_sha": "279484c0", "ref": "v1.4.0",
        "user": {"username": "ada"}, "commit_title": "faster",
    }  # fmt: skip
    [change] = gitlab(payload).changes
    assert (change.kind, change.subject, change.environment, change.version) == ("deploy", "payments", "prod", "v1.4.0")
    assert change.at_ms == 1_795_348_800_000
    assert gitlab({**payload, "status": "running"}).changes == ()
    assert gitlab({**payload, "status": "failed"}).changes[0].summary == "failed: faster"
    assert gitlab({**payload, "status": "failed"}).changes[0].id == change.id


def test_pushes_and_tags_of_gitlab():
    payload = {
        "object_kind": "push", "ref": "refs/heads/main", "before": "1" * 40, "after": "2" * 40, "project": PROJECT,
        "user_username": "ada", "commits": [{"title": "faster", "modified": ["a.tf"]}],
    }  # fmt: skip
    [change] = gitlab(payload).changes
    assert (change.kind, change.size, change.summary) == ("infrastructure", 1, "faster")
    assert gitlab({**payload, "ref": "refs/heads/topic"}).changes == ()
    assert gitlab({**payload, "after": "0" * 40}).changes == ()
    [tag] = gitlab({**payload, "object_kind": "tag_push", "ref": "refs/tags/v1.5.0"}).changes
    assert (tag.kind, tag.version) == ("deploy", "v1.5.0")


def test_a_flag_of_gitlab_is_a_change_each_time_it_is_switched():
    flag = {"id": 6, "name": "new-checkout", "description": "", "active": True}
    payload = {
        "object_kind": "feature_flag",
        "project": PROJECT,
        "user": {"username": "ada"},
        "object_attributes": flag,
    }
    [on] = gitlab(payload).changes
    assert (on.kind, on.version, on.summary) == ("flag", "new-checkout on", "flag new-checkout switched on")
    assert gitlab(payload, "d-2").changes[0].id != on.id == gitlab(payload).changes[0].id
    assert "object_attributes.active" in gitlab({**payload, "object_attributes": {}}).refused_reason


NAMES = [
    "deployment", "deployment_status", "repository", "name", "ref", "commits", "added", "state", "created_at",
    "object_kind", "project", "status", "release", "action",
]  # fmt: skip
LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
ANY = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(ANY, st.sampled_from(["deployment", "deployment_status", "push", "release", "ping"]))
def test_no_payload_breaks_the_reader(payload, event):
    for read in (lambda: github(event, payload), lambda: gitlab(payload)):
        try:
            read()
        except BadInput:
            assert not isinstance(payload, dict)
