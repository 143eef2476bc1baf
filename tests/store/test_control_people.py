"""Users and tokens: secrets are kept nowhere, and what ends, ends at once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests.store.control_samples import T0, FixedClock

from mainstay.domain.errors import BadInput, NotFound, Refused
from mainstay.store.control import Control
from mainstay.store.people import ADMIN_TOKEN_FILE, SESSION_MS, People


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def control(tmp_path: Path, clock: FixedClock):
    control = Control(tmp_path / "c.sqlite", clock)
    yield control
    control.close()


@pytest.fixture
def people(control: Control) -> People:
    control.people.save_user("admin", "admin", by="t")
    control.people.save_user("ada", "approver", by="user:admin")
    return control.people


def test_the_first_admin_is_made_once_and_only_its_owner_can_read_the_file(control: Control, tmp_path: Path) -> None:
    secret = control.people.first_admin(tmp_path)
    file = tmp_path / ADMIN_TOKEN_FILE
    assert file.read_text().strip() == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    caller = control.people.caller(secret)
    assert (caller.user.name, caller.user.role) == ("admin", "admin")
    assert control.people.first_admin(tmp_path) is None
    assert file.read_text().strip() == secret


def test_a_file_left_by_a_start_that_was_cut_off_is_replaced(control: Control, tmp_path: Path) -> None:
    (tmp_path / ADMIN_TOKEN_FILE).write_text("msu_half")
    (tmp_path / ADMIN_TOKEN_FILE).chmod(0o644)
    secret = control.people.first_admin(tmp_path)
    assert (tmp_path / ADMIN_TOKEN_FILE).read_text().strip() == secret
    assert stat.S_IMODE((tmp_path / ADMIN_TOKEN_FILE).stat().st_mode) == 0o600


def test_no_secret_is_in_the_database(people: People, tmp_path: Path, control: Control) -> None:
    secrets = [people.issue(kind, "ada", by="t")[1] for kind in ("user", "ingest")]
    secrets.append(people.open_session(people.caller(secrets[0]))[1])
    control.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [s[:4] for s in secrets] == ["msu_", "msi_", "mss_"]
    assert all(len(s) == 47 for s in secrets)
    assert not any(s.encode() in everything or s[4:].encode() in everything for s in secrets)


def test_an_admin_without_a_token_is_never_left_behind(control: Control, tmp_path: Path) -> None:
    """A start that was cut off between the two would lock everybody out: the next one makes no second admin."""
    with control.database.writing() as connection:
        connection.execute(text("ALTER TABLE tokens RENAME TO away"))
    with pytest.raises(OperationalError):
        control.people.first_admin(tmp_path)
    with control.database.writing() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO tokens"))
    assert control.people.users() == []
    assert control.people.caller(control.people.first_admin(tmp_path)).user.role == "admin"


def test_kinds_do_not_mix(people: People) -> None:
    _, user = people.issue("user", "ada", by="t")
    _, ingest = people.issue("ingest", "ada", by="t")
    assert (people.caller(user).user.name, people.sender(user)) == ("ada", None)
    assert (people.caller(ingest), people.sender(ingest)) == (None, "default")
    assert people.caller("") is None
    assert people.caller("msu_" + "x" * 43) is None
    assert people.caller("\ud800") is None


def test_a_session_ends_with_its_token_its_time_or_its_user(people: People, clock: FixedClock) -> None:
    token, secret = people.issue("user", "ada", by="t")
    _, session = people.open_session(people.caller(secret))
    assert people.caller(session).user.name == "ada"
    clock.at_ms += SESSION_MS
    assert people.caller(session) is None
    _, session = people.open_session(people.caller(secret))
    people.save_user("ada", "approver", by="t", disabled=True)
    assert people.caller(session) is None
    people.save_user("ada", "approver", by="t")
    assert people.caller(session) is not None
    assert people.revoke(token.id, by="t")
    assert people.caller(session) is None
    assert not people.revoke(token.id, by="t")


def test_a_session_does_not_outlive_the_token_it_was_opened_with(people: People, clock: FixedClock) -> None:
    _, secret = people.issue("user", "ada", by="t", expires_ms=T0 + 1000)
    token, session = people.open_session(people.caller(secret))
    assert token.expires_ms == T0 + 1000
    clock.at_ms += 1000
    assert people.caller(session) is None
    assert people.caller(secret) is None


def test_expired_tokens_are_forgotten_when_the_next_is_made(people: People, clock: FixedClock) -> None:
    people.issue("user", "ada", by="t", expires_ms=T0 + 1)
    clock.at_ms += 10
    people.issue("user", "ada", by="t")
    assert len(people.tokens()) == 1


def test_the_last_admin_stays(people: People) -> None:
    for role, disabled in (("viewer", False), ("admin", True)):
        with pytest.raises(Refused, match="last admin"):
            people.save_user("admin", role, by="t", disabled=disabled)
    people.save_user("eve", "admin", by="t")
    people.save_user("admin", "viewer", by="t")
    assert people.user("admin").role == "viewer"


@pytest.mark.parametrize("name", ["", " ", "a\n", "\u202eada", "x" * 201, " ada", "mainstay", "outcome"])
def test_names_that_would_deceive_are_refused(people: People, name: str) -> None:
    with pytest.raises(BadInput, match="name"):
        people.save_user(name, "viewer", by="t")


def test_bad_tokens_are_refused(people: People) -> None:
    with pytest.raises(NotFound, match="nobody"):
        people.issue("user", "nobody", by="t")
    with pytest.raises(BadInput, match="future"):
        people.issue("user", "ada", by="t", expires_ms=T0)
    with pytest.raises(BadInput, match="at most"):
        people.issue("user", "ada", "x" * 300, by="t")
    with pytest.raises(BadInput, match="role"):
        people.save_user("bob", "root", by="t")


def test_who_did_it_is_in_the_ledger(people: People, control: Control) -> None:
    token, _ = people.issue("ingest", "ada", "lab", by="user:admin")
    people.revoke(token.id, by="user:admin")
    entries = control.ledger()
    assert [(e.actor, e.subject, e.output["what"]) for e in entries] == [
        ("t", "user:admin", "saved"),
        ("user:admin", "user:ada", "saved"),
        ("user:admin", f"token:{token.id}", "issued"),
        ("user:admin", f"token:{token.id}", "revoked"),
    ]
    assert control.verify_ledger().is_whole


def test_it_is_all_there_after_a_restart(people: People, control: Control, tmp_path: Path, clock: FixedClock) -> None:
    _, secret = people.issue("user", "ada", by="t")
    control.close()
    again = Control(tmp_path / "c.sqlite", clock)
    assert again.people.caller(secret).user.role == "approver"
    again.close()
