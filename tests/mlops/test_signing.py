"""Only what a trusted key signed is served, and only as it was signed."""

import base64
import stat
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.errors import Corrupt, Refused
from mainstay.mlops.trust.signing import Envelope, Keys, Signature, authenticated, keyid_of

KIND = "application/vnd.test+json"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys") / "keys")


def test_a_key_is_made_for_its_owner_only_and_found_again(tmp_path):
    first = Keys(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys" / "signing.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert Keys(tmp_path / "keys").keyid == first.keyid
    assert b"PRIVATE" not in b"".join(p.read_bytes() for p in (tmp_path / "keys" / "trusted").iterdir())


def test_signed_and_opened(keys):
    assert keys.opened(keys.sign(b"{}", KIND), KIND) == b"{}"


def test_what_is_signed_is_what_dsse_says(keys):
    """The public half of the key verifies by DSSE's published encoding, without any code of ours but the key."""
    envelope = msgspec.json.decode(keys.sign(b"hello world", "http://example.com/HelloWorld"))
    assert envelope["payloadType"] == "http://example.com/HelloWorld"
    [made] = envelope["signatures"]
    said = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    keys.trusted[made["keyid"]].verify(base64.b64decode(made["sig"]), said)


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_no_two_pairs_are_signed_alike(kind, payload, other_kind, other):
    is_same = (kind, payload) == (other_kind, other)
    assert (authenticated(kind, payload) == authenticated(other_kind, other)) == is_same


@given(st.data())
def test_a_changed_byte_is_seen(keys, data):
    envelope = bytearray(keys.sign(b'{"a": 1}', KIND))
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] = (envelope[place] + data.draw(st.integers(1, 255))) % 256
    try:
        payload = keys.opened(bytes(envelope), KIND)
    except (Corrupt, Refused):
        return
    assert payload == b'{"a": 1}'  # a byte that means nothing, such as the case of an escape


def test_a_stranger_is_refused(keys, tmp_path):
    with pytest.raises(Refused, match="whom nobody trusts"):
        keys.opened(Keys(tmp_path / "other").sign(b"{}", KIND), KIND)


def test_a_strangers_signature_under_our_name_is_refused(keys, tmp_path):
    theirs = msgspec.json.decode(Keys(tmp_path / "other").sign(b"{}", KIND), type=Envelope)
    forged = msgspec.structs.replace(theirs, signatures=(Signature(keys.keyid, theirs.signatures[0].sig),))
    with pytest.raises(Refused, match="altered"):
        keys.opened(msgspec.json.encode(forged), KIND)


def test_nothing_signed_is_refused(keys):
    with pytest.raises(Refused, match="nobody"):
        keys.opened(msgspec.json.encode(Envelope(KIND, "e30=", ())), KIND)


def test_another_kind_of_payload_is_refused(keys):
    with pytest.raises(Refused, match="holds 'other'"):
        keys.opened(keys.sign(b"{}", "other"), KIND)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\x80\x04pickle", b"{" * 10_000, b" " * (1 << 20) + b"{}"])
def test_no_envelope(keys, body):
    with pytest.raises(Corrupt):
        keys.opened(body, KIND)


def test_what_a_rotated_key_signed_stays_trusted_until_it_is_taken_out(tmp_path):
    keys = Keys(tmp_path / "keys")
    before, envelope = keys.keyid, keys.sign(b"{}", KIND)
    told = []
    now = keys.rotate(lambda *ids: told.append((*ids, keys.keyid)))
    assert told == [(before, now, before)]  # recorded while the old key still signs
    assert keys.keyid == now != before
    assert keys.opened(envelope, KIND) == b"{}"
    (tmp_path / "keys" / "trusted" / f"{before}.pem").unlink()
    with pytest.raises(Refused, match="whom nobody trusts"):
        Keys(tmp_path / "keys").opened(envelope, KIND)


def test_a_rotation_that_cannot_be_recorded_does_not_happen(tmp_path):
    keys = Keys(tmp_path / "keys")
    before = keys.keyid

    def full(*_):
        raise OSError(28, "no space left on device")

    with pytest.raises(OSError, match="no space"):
        keys.rotate(full)
    assert keys.keyid == Keys(tmp_path / "keys").keyid == before


def test_rotations_at_once_are_one_after_the_other(tmp_path):
    keys = Keys(tmp_path / "keys")
    first, told = keys.keyid, []
    threads = [threading.Thread(target=keys.rotate, args=(lambda *ids: told.append(ids),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [before for before, _ in told] == [first, *(now for _, now in told[:-1])]  # a chain: none was lost
    assert Keys(tmp_path / "keys").keyid == keys.keyid == told[-1][1]
    assert set(keys.trusted) == {first, *(now for _, now in told)}


def test_a_key_that_is_none_is_said(tmp_path):
    keys = Keys(tmp_path / "keys")
    assert list(keys.trusted) == [keyid_of(key) for key in keys.trusted.values()]
    (tmp_path / "keys" / "trusted" / "bad.pem").write_text("no key")
    with pytest.raises(Corrupt, match=r"bad\.pem"):
        Keys(tmp_path / "keys")
    (tmp_path / "keys" / "signing.pem").write_text("no key")
    with pytest.raises(Corrupt, match=r"signing\.pem"):
        Keys(tmp_path / "keys")
