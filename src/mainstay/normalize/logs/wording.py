"""A template as people read it: words as they were, `<*>` for what varies.

Which part of a token is `<*>` follows the rules by which labelled sets are written (Khan et al., "Guidelines for
assessing the accuracy of log message template identification techniques", ICSE 2022; the same in Loghub-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ANY = "<*>"
_PARTS = re.compile(r"([.\-@#$%&/,:;|+\s])")
_FORMLESS = re.compile(r"""["'/]|.*[\\@]|[A-Za-z][\w+.-]*://""", re.DOTALL)
_HOST_PORT = re.compile(r"(?:localhost|[\w-]+(?:\.[\w-]+)+):\d+$")
_NAMED = re.compile(r"[A-Za-z_.\-/]*[A-Za-z]\d{1,3}(?:[A-Za-z_]\w*)?$")
_VALUES = frozenset({"true", "false", "null", "root", "none", "nil", "nan"})
_JOINED = re.compile(r"<\*>(?:(?:[.:/@#|]|\#\#)?<\*>)+")
_MARKED = re.compile(r"""(?<=\s)(?:"<\*>"|'<\*>'|\#<\*>\#?)(?=\s)""")
_SIZE = re.compile(r"(?<=<\*>) ?(?:[KMGTk]?B|[KMGT]iB)\b")
_LOOSE = re.compile(r"[\W_]+")  # whole runs, each read once: a pattern with `<*>` in it tries every place of a run
_SPACES = re.compile(r"\s+")


def variable(raw: str) -> str:
    """How a variable is written when all that were seen look alike.

    >>> variable("user-7"), variable("10.0.0.1"), variable("/etc/hosts"), variable('"a b"'), variable("core.3")
    ('user-<*>', '<*>', '<*>', '"<*>"', 'core.<*>')
    """
    if _FORMLESS.match(raw):
        return f"{raw[0]}{ANY}{raw[0]}" if raw[0] in "\"'" else ANY
    if _HOST_PORT.match(raw):
        return ANY
    parts = [ANY if _varies(part) else part for part in _PARTS.split(raw.replace("_-", "_"))]
    text = _SIZE.sub("", "".join(parts))
    text = _JOINED.sub(ANY, text.replace(f"-{ANY}-{ANY}", f"-{ANY}"))
    text = re.sub(rf"{re.escape(ANY)}-{re.escape(ANY)}", ANY, text)
    if re.fullmatch(r"[-+.#$%&]?<\*>[-%.]?", text):
        return ANY
    return text if text.count(ANY) < 2 or " " in text or "," in text else ANY


def is_name(raw: str) -> bool:
    """Whether a token with digits reads like a name (`eth0`, `L3`, `x86_64`), so that it may belong to the words.

    >>> is_name("eth0"), is_name("jk2_init"), is_name("blk_17281"), is_name("12ms")
    (True, True, False, False)
    """
    return bool(_NAMED.match(raw))


def sentence(gaps: Sequence[str], tokens: Sequence[str]) -> str:
    """Tokens and what stands between them, in the canonical form.

    >>> sentence(["", " ", ":", ""], ["at", "<*>", "<*>"])
    'at <*>'
    """
    text = gaps[0] + "".join(token + gap for token, gap in zip(tokens, gaps[1:], strict=True))
    before = None
    while before != text:
        before, text = text, _MARKED.sub(ANY, _JOINED.sub(ANY, text))
    return _SPACES.sub(" ", text).strip()


def gist(text: str) -> str:
    """A text in which only the words and the places of variables count: equal ones are one template.

    >>> gist("took [<*>, <*>] ms"), gist("took '<*>' ms")
    ('took <*> ms', 'took <*> ms')
    """
    return _LOOSE.sub(_between, text.replace("()", " no "))


def _between(run: re.Match[str]) -> str:
    """What stands between words: a variable whatever is around it, or itself."""
    return f" {ANY} " if ANY in run[0] else run[0]


def _varies(part: str) -> bool:
    return any(char.isdigit() for char in part) or part.lower() in _VALUES
