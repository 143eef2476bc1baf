"""The files as they lie there: their weight, where they come from, and what they must not hold."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from mainstay.console import content_security_policy, csp_hashes, static_directory

STATIC = static_directory()
OWN = sorted(p for p in STATIC.rglob("*.js") if "vendor" not in p.parts)
STYLES = sorted(p for p in STATIC.rglob("*.css") if "vendor" not in p.parts)
BUDGET = 100 * 1024
TOTAL = 116 * 1024
"""With the pages that are fetched when somebody opens them (docs/console.md, Weight)."""


def weigh(paths: list[Path]) -> int:
    return sum(len(gzip.compress(p.read_bytes(), 6)) for p in paths)


def loaded_on_use() -> set[Path]:
    """Modules that no start reads: reachable through `import(...)` alone."""
    asked: set[Path] = set()
    waiting = [STATIC / "js" / "main.js"]
    while waiting:
        path = waiting.pop()
        if path not in asked:
            asked.add(path)
            names = re.findall(r"(?:from|^import) '(\.[^']+)'", path.read_text(), re.MULTILINE)
            waiting += [(path.parent / name).resolve() for name in names]
    return set(OWN) - asked


def test_what_a_first_load_reads_is_at_most_100_kib_gzipped() -> None:
    served = [p for p in STATIC.rglob("*") if p.suffix in {".html", ".js", ".mjs", ".css", ".svg"}]
    later = loaded_on_use()
    first, rest = weigh([p for p in served if p not in later]), weigh(sorted(later))
    print(f"console: first load {first} bytes gzipped of {BUDGET}; {rest} more when models are opened")
    assert first <= BUDGET
    assert first + rest <= TOTAL
    assert {p.name for p in later} == {
        "models.js", "production.js", "figures.js", "card.js", "silences.js", "runbooks.js", "ahead.js",
    }  # fmt: skip


def test_the_policy_names_the_import_map_and_nothing_else_inline() -> None:
    page = (STATIC / "index.html").read_text()
    [body] = re.findall(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    assert csp_hashes() == [f"'sha256-{digest}'"]
    policy = content_security_policy()
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"\son\w+=|style=|<style", page)
    assert len(re.findall(r"<script(?![^>]*src=)", page)) == 1


def test_every_import_and_link_leads_to_a_file() -> None:
    page = (STATIC / "index.html").read_text()
    mapped = json.loads(re.findall(r'importmap">(.*?)</script>', page, re.DOTALL)[0])["imports"]
    links = re.findall(r'(?:src|href)="([^"#]+)"', page) + list(mapped.values())
    assert [link for link in links if not (STATIC / link).is_file()] == []
    for path in OWN:
        for name in re.findall(r"(?:from|^import) '([^']+)'", path.read_text(), re.MULTILINE):
            assert name in mapped or (path.parent / name).is_file(), f"{path.name} imports {name}"


def test_vendored_files_are_what_their_list_says() -> None:
    vendor = STATIC / "vendor"
    rows = json.loads((vendor / "vendor.json").read_text())
    for row in rows:
        assert hashlib.sha256((vendor / row["file"]).read_bytes()).hexdigest() == row["sha256"], row["file"]
        assert (vendor / row["licence_file"]).read_text().strip()
        assert row["licence"] in {"MIT", "Apache-2.0"}
    listed = {row["file"] for row in rows} | {row["licence_file"] for row in rows} | {"vendor.json"}
    assert {p.name for p in vendor.iterdir()} == listed


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.name)
def test_own_code_never_makes_markup_or_code_of_text(path: Path) -> None:
    text = path.read_text()
    for sink in (
        "innerHTML",
        "outerHTML",
        "dangerouslySetInnerHTML",
        "insertAdjacentHTML",
        "eval(",
        "new Function",
        "document.write",
    ):
        assert sink not in text, f"{path.name} uses {sink}"
    assert text.startswith("/**"), "a module begins with what it is for"
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize("path", STYLES, ids=lambda p: p.name)
def test_colours_stand_in_one_place(path: Path) -> None:
    if path.name != "tokens.css":
        found = re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\((?!10 12 16)", path.read_text())
        assert found == [], "a colour outside of tokens.css has no dark twin"
