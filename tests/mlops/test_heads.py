"""A head that was kept proves a cut tail; one that a stranger signed proves nothing."""

import msgspec
import pytest

from mainstay.domain.errors import Corrupt, Refused
from mainstay.domain.ledger import Entry
from mainstay.ledger import Head, chain, verify
from mainstay.mlops import Keys
from mainstay.mlops.trust.heads import PAYLOAD, opened_head, sign_head
from mainstay.mlops.trust.signing import Envelope


def ledger(entries):
    last = None
    for number in range(entries):
        last = chain(last, Entry(id=f"e{number}", kind="alert", at_ms=number, actor="m@1", subject="x", output={}))
        yield last


def envelope(body):
    return msgspec.json.decode(body, type=Envelope)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


def test_a_kept_head_finds_what_was_cut_off(keys):
    whole = list(ledger(10))
    kept = sign_head(verify(whole).head, keys).envelope
    assert verify(whole, opened_head(kept, keys)).is_whole
    found = verify(whole[:7], opened_head(kept, keys))
    assert (found.first_bad, found.why.split(":")[0]) == (8, "truncated")


def test_it_says_the_same_as_what_was_signed(keys):
    signed = sign_head(Head(3, "ab"), keys)
    assert opened_head(signed.envelope, keys) == Head(signed.seq, signed.hash)


def test_a_strangers_head_is_refused(keys, tmp_path):
    with pytest.raises(Refused, match="nobody trusts"):
        opened_head(sign_head(Head(3, "ab"), Keys(tmp_path / "other")).envelope, keys)


def test_a_statement_of_a_version_is_no_head(keys):
    with pytest.raises(Refused, match="not 'application/vnd"):
        opened_head(envelope(keys.sign(b"{}", "application/vnd.in-toto+json")), keys)
    with pytest.raises(Corrupt, match="no head"):
        opened_head(envelope(keys.sign(b"{}", PAYLOAD)), keys)


def test_the_printed_form_reads_back(keys):
    signed = sign_head(Head(3, "ab"), keys)
    printed = msgspec.json.decode(msgspec.json.encode(signed))
    assert opened_head(envelope(msgspec.json.encode(printed["envelope"])), keys) == Head(3, "ab")
