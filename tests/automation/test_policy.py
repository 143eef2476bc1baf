"""Cedar fails open: each way in which it would say ALLOW must be a no here, or a refused file."""

from __future__ import annotations

import cedarpy
import pytest
from tests.automation.world import ADA, plan

from mainstay.automation.policy import SHIPPED, Policy, Ruling
from mainstay.domain.errors import BadFile
from mainstay.domain.users import User


def written(tmp_path, text, name="own.cedar"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_an_own_forbid_wins(tmp_path):
    own = written(tmp_path, 'forbid (principal, action == Action::"approve", resource) when { resource.tier == 1 };')
    assert Policy([own]).ruling("approve", ADA, plan(), 2).is_allowed
    assert not Policy([own]).ruling("approve", ADA, plan(), 1).is_allowed


def test_the_answer_names_the_policy():
    assert Policy().ruling("approve", ADA, plan(), 2) == Ruling(
        is_allowed=True, says="approvers-approve-standard-and-normal-changes"
    )
    nobody = User(name="vic", role="viewer")
    assert Policy().ruling("approve", nobody, plan(), 2).says == "no policy lets a viewer approve this"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("permit (principal, action, resource);\n\nforbid (principal action, resource);", 3, "expected a Cedar policy"),
        ("nonsense", 1, "expected a Cedar policy"),
        ('forbid (principal, action, resource) when { resource.owner == "ada" };', 1, "does not fit the schema"),
        ("forbid (principal, action, resource) when { principal.tier > 1 };", 1, "does not fit the schema"),
        ('forbid (principal, action, resource) when { resource.tier == "1" };', 1, "does not fit the schema"),
        ('permit (principal, action == Action::"aprove", resource);', 1, "does not fit the schema"),
    ],
)
def test_a_policy_that_would_be_skipped_is_refused_with_its_line(tmp_path, text, line, says):
    """By itself Cedar takes each of these that parses, skips the forbid, and allows."""
    with pytest.raises(BadFile, match=says) as caught:
        Policy([written(tmp_path, text)])
    assert caught.value.line == line


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadFile, match="cannot be read"):
        Policy([tmp_path / "none.cedar"])


def test_a_good_file_does_not_hide_a_bad_one(tmp_path):
    good = written(tmp_path, "permit (principal, action, resource);", "a.cedar")
    bad = written(tmp_path, "forbid (principal, action, resource) when { resource.nope };", "b.cedar")
    with pytest.raises(BadFile) as caught:
        Policy([good, bad])
    assert caught.value.path.endswith("b.cedar")


def test_an_error_while_deciding_is_a_no():
    """The trap itself, shown on Cedar, and closed: a forbid that errors at run time (an overflow) is skipped there."""
    text = """permit (principal, action, resource);
    forbid (principal, action, resource) when { resource.tier * 9223372036854775807 > 0 };"""
    policy = Policy()
    policy._policies = cedarpy.PolicySet.from_str(text)
    ruling = policy.ruling("approve", ADA, plan(), 4)
    assert not ruling.is_allowed
    assert "could not be evaluated" in ruling.says
    schema = cedarpy.Schema.from_str((SHIPPED / "approval.cedarschema").read_text())
    assert cedarpy.validate_policies(text, schema).validation_passed, "validation alone does not find it"


@pytest.mark.parametrize("name", ['"', "a\nb", 'ada"; permit', "", "ä" * 300])
def test_names_are_data_and_never_policy_text(name):
    assert not Policy().ruling("approve", User(name=name, role="viewer"), plan(), 2).is_allowed


def test_a_role_that_is_not_known_may_nothing():
    assert not Policy().ruling("approve", User(name="x", role="superuser"), plan(), 4).is_allowed


def test_an_act_that_is_not_known_is_a_no():
    assert not Policy().ruling("delete", User(name="x", role="admin"), plan(), 4).is_allowed
