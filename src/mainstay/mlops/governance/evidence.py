"""The validation file: a folder that a model-risk reviewer reads without the product, and can prove to be whole.

Plain Markdown, CSV and JSON lines. The ledger lies in it as the very bytes that were hashed, so that any language with
SHA-256 walks the chain; its head is signed with Ed25519, and openssl checks that. `SHA256SUMS` covers every file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.domain.ledger import LedgerEntry
from mainstay.domain.models import ModelVersion
from mainstay.ledger import canonical
from mainstay.mlops.trust.heads import PAYLOAD, SignedHead
from mainstay.mlops.trust.signing import authenticated
from mainstay.written import write_whole

LINES_AT_ONCE = 5_000
PARTS: Mapping[str, frozenset[str]] = {
    "approvals.jsonl": frozenset({"approval", "policy"}),
    "deployments.jsonl": frozenset({"deployment"}),
    "versions.jsonl": frozenset({"version"}),
    "gates.jsonl": frozenset({"gate", "rollout", "experiment", "policy"}),
    "drift.jsonl": frozenset({"finding"}),
    "recalls.jsonl": frozenset({"recall"}),
    "inventory-changes.jsonl": frozenset({"inventory"}),
    "verdicts.jsonl": frozenset({"verdict"}),
}
README = """# Validation file

Written at {at} by Mainstay {version}, from its own records. Nothing here needs Mainstay to be read.

| file | what |
|---|---|
| `inventory.csv` | every model: owner, purpose, materiality, validator, what is open, when it is due |
| `cards/NAME@N.md` | a card per version: use, data, metrics with intervals, limits, drift, approvals, lineage |
| `lineage.json` | every version's record: parameters, data set, parent, who made it and why |
| `attestations/NAME@N.json` | the signed in-toto statement that binds a version to its artefact (DSSE envelope) |
| `gates.jsonl`, `deployments.jsonl`, `rollbacks.jsonl` | what served when, by which gate, and what was taken back |
| `approvals.jsonl` | what people allowed: versions (in a rollout, or in the inventory), edits of the policy, plans |
| `drift.jsonl` | what was found of our versions, and what ours found of the models that users run in production |
| `recalls.jsonl`, `verdicts.jsonl`, `inventory-changes.jsonl` | what was taken up again, and what people said |
| `ledger.jsonl` | every decision, in its order: `{{"hash": …, "entry": "…"}}` |
| `head.json`, `head.signed`, `head.signature`, `keys/*.pem` | the signed end of the ledger, and the keys |

## How to prove that it is whole

1. `sha256sum -c SHA256SUMS`: no file was changed since.
2. Each line of `ledger.jsonl`: `hash` is the SHA-256 of the bytes `mainstay-ledger-1`, a line feed, and the text
   `entry`. `entry` is JSON; its `previous` is the hash of the line before (64 zeros in the first), and its `seq`
   counts from 1.
3. The last line's hash is that in `head.json`, and the head is signed:
   `openssl pkeyutl -verify -pubin -inkey keys/{key}.pem -rawin -in head.signed -sigfile head.signature`

A head that you kept from an earlier time must be found among the lines, too: then nothing before it was rewritten.
"""


def write_evidence(
    folder: Path,
    cards: Mapping[str, str],
    versions: Sequence[ModelVersion],
    attestations: Mapping[str, bytes],
    ledger: Iterable[LedgerEntry],
    signed: tuple[SignedHead, Mapping[str, bytes]],
    about: Mapping[str, str],
) -> dict[str, int]:
    """Write the file; how many of what lies in it.

    Args:
        folder: Made when it is not there.
        cards: By version; so are the attestations.
        versions: Their records.
        attestations: Signed statements, as they lie in the store.
        ledger: From its first entry, up to the head at least; what comes after the head is left out.
        signed: The head, and the public keys by their id, as PEM.
        about: `inventory` as CSV, `at`, `version` (of Mainstay).

    Raises:
        BadInput: The folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty: evidence goes into a folder of its own")
    for part in ("cards", "attestations", "keys"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    head, keys = signed
    judges = frozenset(str(version.ref) for version in versions if version.kind == "predictions")
    counts = _ledger(folder, takewhile(lambda one: one.seq <= head.seq, ledger), judges)
    for name, text in cards.items():
        write_whole(folder / "cards" / f"{_name(name)}.md", text.encode())
    for name, body in attestations.items():
        write_whole(folder / "attestations" / f"{_name(name)}.json", body)
    write_whole(folder / "lineage.json", msgspec.json.format(msgspec.json.encode(list(versions)), indent=1))
    write_whole(folder / "inventory.csv", about["inventory"].encode())
    _head(folder, head, keys)
    key = head.envelope.signatures[0].keyid
    write_whole(folder / "README.md", README.format(at=about["at"], version=about["version"], key=key).encode())
    write_whole(folder / "SHA256SUMS", _sums(folder))
    return {**counts, "cards": len(cards), "attestations": len(attestations)}


def _ledger(folder: Path, ledger: Iterable[LedgerEntry], judges: Collection[str]) -> dict[str, int]:
    """The chain, and beside it what of it a reviewer asks for first; `judges`: versions that watch users' models."""
    counts = dict.fromkeys(("ledger.jsonl", "rollbacks.jsonl", *PARTS), 0)
    waiting: dict[str, list[bytes]] = {name: [] for name in counts}
    for name in counts:
        (folder / name).touch(mode=0o600)
    for entry in ledger:
        for name, line in _lines(entry, judges):
            counts[name] += 1
            waiting[name].append(line)
            if len(waiting[name]) >= LINES_AT_ONCE:
                _append(folder / name, waiting[name])
    for name, lines in waiting.items():
        _append(folder / name, lines)
    return counts


def _lines(entry: LedgerEntry, judges: Collection[str]) -> Iterable[tuple[str, bytes]]:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "hash"}
    yield "ledger.jsonl", msgspec.json.encode({"hash": entry.hash, "entry": canonical(fields).decode()}) + b"\n"
    readable = msgspec.json.encode(entry) + b"\n"
    for name, kinds in PARTS.items():
        if entry.kind in kinds or name in _also(entry, judges):
            yield name, readable
    if str(entry.output.get("why", "")).startswith("rollback from ") or entry.output.get("stage") == "rolled_back":
        yield "rollbacks.jsonl", readable


def _also(entry: LedgerEntry, judges: Collection[str]) -> Iterable[str]:
    """Parts that an entry belongs to by what it says."""
    if (entry.kind == "rollout" and ":validated:" in entry.id) or (
        entry.kind == "inventory" and entry.output.get("validated_ms") == entry.at_ms
    ):
        yield "approvals.jsonl"
    if entry.kind in ("alert", "alert-resolved") and entry.actor in judges:
        yield "drift.jsonl"


def _append(path: Path, lines: list[bytes]) -> None:
    with path.open("ab") as file:
        file.writelines(lines)
    lines.clear()


def _head(folder: Path, head: SignedHead, keys: Mapping[str, bytes]) -> None:
    payload = base64.b64decode(head.envelope.payload)
    write_whole(folder / "head.json", msgspec.json.format(msgspec.json.encode(head), indent=1))
    write_whole(folder / "head.signed", authenticated(PAYLOAD, payload))
    write_whole(folder / "head.signature", base64.b64decode(head.envelope.signatures[0].sig))
    for name, pem in keys.items():
        write_whole(folder / "keys" / f"{name}.pem", pem)


def _sums(folder: Path) -> bytes:
    lines: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            lines.append(f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n")
    return "".join(lines).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(version: str) -> str:
    """A version's name as a file's: nothing in it leads out of the folder.

    >>> _name("metrics@7"), _name("../x@1")
    ('metrics@7', '.._x@1')
    """
    return "".join(char if char.isalnum() or char in "@._-" else "_" for char in version)
