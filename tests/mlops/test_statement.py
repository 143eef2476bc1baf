"""A version's record, its artefact and its signature are one, or it is not served."""

import msgspec
import pytest
from tests.mlops.keeper import Keeper, registry

from mainstay.domain.errors import Corrupt, NotFound, Refused
from mainstay.domain.models import VersionRef
from mainstay.mlops import Keys
from mainstay.mlops.trust.bill import bill
from mainstay.mlops.trust.statement import attest

LOGS = VersionRef("logs", 1)


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def ours(tmp_path, keeper):
    made = registry(tmp_path, keeper)
    made.register_shipped("logs")
    return made


def altered(keeper, **changes):
    keeper.kept[LOGS] = msgspec.structs.replace(keeper.kept[LOGS], **changes)


def test_a_version_names_its_artefact_and_what_was_installed(ours, keeper):
    statement = ours.verified(keeper.kept[LOGS])
    assert statement.subject[0].digest == {"sha256": keeper.kept[LOGS].artefact}
    materials = msgspec.json.decode(ours.artefacts.read(statement.predicate["sbom"]))
    assert materials["bomFormat"] == "CycloneDX"
    assert "numpy" in {one["name"] for one in materials["components"]}


def test_the_bill_is_the_same_for_the_same_environment():
    first = bill()
    bill.cache_clear()
    assert bill() == first


@pytest.mark.parametrize(
    "change", [{"why": "better"}, {"parameters": {"persist_s": 1}}, {"dataset": "0" * 64}, {"created_by": "user:eve"}]
)
def test_an_edited_record_is_not_served(ours, keeper, change):
    altered(keeper, **change)
    with pytest.raises(Refused, match=next(iter(change))):
        ours.load(LOGS)


def test_an_audit_names_what_is_not_served_and_why(ours, keeper):
    ours.register_shipped("edges")
    altered(keeper, why="better")
    found = {str(one.version): one for one in ours.audit()}
    assert (found["edges@1"].is_served, found["logs@1"].is_served) == (True, False)
    assert "why is not what was signed" in found["logs@1"].says


def test_a_new_key_signs_and_the_old_word_holds(ours, keeper):
    entries = []
    now = ours.rotate_key("user:ada", entries.append)
    [entry] = entries
    assert entry.output["before"] != entry.output["now"] == now
    assert (entry.actor, entry.kind) == ("user:ada", "policy")
    ours.register_shipped("edges")
    assert [one.is_served for one in ours.audit()] == [True, True]


def test_an_unsigned_version_is_not_served(ours, keeper):
    altered(keeper, attestation="")
    with pytest.raises(Refused, match="not signed"):
        ours.load(LOGS)


def test_another_artefact_is_not_served(ours, keeper):
    altered(keeper, artefact=ours.register_shipped("edges").artefact)
    with pytest.raises(Refused, match="not for this artefact"):
        ours.load(LOGS)


def test_a_strangers_word_is_not_taken(ours, keeper, tmp_path):
    envelope = attest(keeper.kept[LOGS], "", Keys(tmp_path / "stranger"))
    altered(keeper, attestation=ours.artefacts.keep(envelope))
    with pytest.raises(Refused, match="nobody trusts"):
        ours.load(LOGS)


def test_a_word_of_another_version_is_not_taken(ours, keeper):
    altered(keeper, attestation=ours.register_shipped("edges").attestation)
    with pytest.raises(Refused, match="edges@1"):
        ours.load(LOGS)


def test_a_lost_or_broken_word_is_said(ours, keeper):
    altered(keeper, attestation="f" * 64)
    with pytest.raises(NotFound):
        ours.load(LOGS)
    altered(keeper, attestation=ours.artefacts.keep(b"{}"))
    with pytest.raises(Corrupt, match="envelope"):
        ours.load(LOGS)


def test_what_is_not_served_can_be_registered_again(ours, keeper):
    """Under a new number, signed now; the old one stays what it is."""
    altered(keeper, attestation="")
    again = ours.register_shipped("logs")
    assert (str(again.ref), again.artefact) == ("logs@2", keeper.kept[LOGS].artefact)
    assert ours.load(again.ref)
    assert ours.register_shipped("logs") == again
    with pytest.raises(Refused, match="not signed"):
        ours.load(LOGS)


def test_what_a_key_signed_that_nobody_trusts_any_more_can_be_registered_again(ours, keeper, tmp_path):
    before = next((tmp_path / "keys" / "trusted").iterdir())
    ours.rotate_key("user:ada", lambda entry: None)
    before.unlink()
    later = registry(tmp_path, keeper)
    assert [str(one.version) for one in later.audit() if not one.is_served] == ["logs@1"]
    again = later.register_shipped("logs")
    assert (str(again.ref), [one.is_served for one in later.audit()]) == ("logs@2", [False, True])
