"""What must never be stored: tokens, passwords, card numbers. Runs before anything leaves this stage."""

from __future__ import annotations

import re

SECRET = "<secret>"  # noqa: S105 - what stands in the place of one
CARD = "<card>"
LOOK_BEHIND = 4_096
"""Characters behind a cut that are masked too: a secret that begins before the cut is seen whole."""

_KEY = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|client[_-]?secret"
    r"|credentials?|authorization|auth[_-]?token|session[_-]?id|cookie|set-cookie)"
)
# Shapes of well-known tokens: JWT (RFC 7519), AWS, GitHub, GitLab, Slack, Stripe/OpenAI-like, Google, npm.
_SHAPES = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\b[srp]k[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}"
    r"|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\bnpm_[A-Za-z0-9]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.DOTALL,
)
_SCHEME = re.compile(r"\b(bearer|basic|digest|negotiate)(\s+|%20)(?=[A-Za-z0-9])[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
# No prefix such as `[\w.-]*` before the word: it changes nothing and makes a long line cost the cube of its length. A
# quote that nobody closes (a line that was cut off) hides all that follows.
_PAIR = re.compile(
    rf"""(?P<key>{_KEY}["']?\s*(?:=>|[:=])\s*)"""
    r"""(?P<value>(?:(?:bearer|basic|digest|negotiate)\s+)?(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|[^\s,;&"'}}\])]+))""",
    re.IGNORECASE,
)
_URL = re.compile(r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)")
# A quick look that most lines fail: without one of these words there is nothing for the costly expressions.
_HINT = re.compile(
    r"eyJ|AKIA|ASIA|gh[pousr]_|github_pat|glpat|xox|[srp]k[-_]|AIza|npm_|PRIVATE KEY|://[^\s/]*:"
    r"|bearer|basic|digest|negotiate|pass|pwd|secret|token|key|credential|authorization|session|cookie",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,}(?![0-9])")
_SIZES = range(19, 12, -1)  # ISO/IEC 7812: a card number has 13 to 19 digits in practice


def is_card(digits: str) -> bool:
    """Whether digits can be a payment card: 13–19 of them, a network's first digit, and the Luhn sum.

    >>> is_card("4111111111111111"), is_card("4111111111111112"), is_card("1700000000000")
    (True, False, False)
    """
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456":  # 1 and 9 are airlines and states; 1 is epoch time
        return False
    total = 0
    for at, char in enumerate(reversed(digits)):
        digit = ord(char) - 48
        if at % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def mask(text: str) -> str:
    """A text without secrets. Masking twice changes nothing more.

    >>> mask("login by ada password=hunter2 card 4111 1111 1111 1111 ok")
    'login by ada password=<secret> card <card> ok'
    >>> mask("Authorization: Bearer abc.def-123456")
    'Authorization: <secret>'
    """
    if _HINT.search(text):
        text = _SHAPES.sub(SECRET, text)
        text = _SCHEME.sub(rf"\1 {SECRET}", text)
        text = _PAIR.sub(_hide_value, text)
        text = _URL.sub(SECRET, text)
    return _DIGITS.sub(_hide_cards, text)


def mask_to(text: str, most: int) -> str:
    """At most so many characters of a text without secrets; what stands far behind the cut is not even looked at.

    >>> mask_to("token=abcdef and more", 14)
    'token=<secret>'
    """
    return mask(text[: most + LOOK_BEHIND])[:most]


def _hide_value(found: re.Match[str]) -> str:
    value = found["value"]
    if value[0] in "\"'" and value[-1] == value[0]:
        return f"{found['key']}{value[0]}{SECRET}{value[0]}"
    return f"{found['key']}{SECRET}"


def _hide_cards(found: re.Match[str]) -> str:
    """Cards inside a run of digit groups: `order 12 4111 1111 1111 1111` holds one that is not the whole run."""
    text = found[0]
    places = [at for at, char in enumerate(text) if char.isdigit()]
    out: list[str] = []
    at = kept = 0
    while at < len(places):
        size = _card_at(text, places, at)
        if size:
            out.append(text[kept : places[at]] + CARD)
            at += size
            kept = places[at - 1] + 1
        else:
            at += 1
    return "".join(out) + text[kept:]


def _card_at(text: str, places: list[int], at: int) -> int:
    """How many digits from the at-th on are a card that begins and ends where a digit group does; 0 for none."""
    if at and places[at] - places[at - 1] == 1:
        return 0
    for size in _SIZES:
        end = at + size
        if end > len(places) or (end < len(places) and places[end] - places[end - 1] == 1):
            continue
        if is_card("".join(text[p] for p in places[at:end])):
            return size
    return 0
