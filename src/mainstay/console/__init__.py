"""The console: what a person sees at 3 a.m. Static files only; every figure on it comes from `/api/v1`.

No build step: the browser reads the same ES modules that stand in `static/`. The only inline script is the import
map; its hash goes into the Content-Security-Policy, so that nothing else inline can ever run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

_IMPORT_MAP = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)


def static_directory() -> Path:
    """The folder to serve: `index.html` and what it names, nothing private beside it.

    >>> (static_directory() / "index.html").is_file()
    True
    """
    return Path(__file__).parent / "static"


def csp_hashes() -> list[str]:
    """The sources to allow in `script-src` beside `'self'`: one hash, of the import map.

    Computed from the file, so that an edited map cannot be served with a policy that blocks it.

    >>> [h[:8] for h in csp_hashes()]
    ["'sha256-"]
    """
    page = (static_directory() / "index.html").read_bytes()
    return [
        f"'sha256-{base64.b64encode(hashlib.sha256(body).digest()).decode()}'" for body in _IMPORT_MAP.findall(page)
    ]


def content_security_policy() -> str:
    """The policy under which the console is tested: own files only, no inline code or style, no eval, no framing.

    `require-trusted-types-for` makes every string-to-HTML sink of the browser throw: a hostile log line cannot
    become markup even by a mistake of ours.
    """
    scripts = " ".join(["'self'", *csp_hashes()])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
