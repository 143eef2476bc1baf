"""What an action saw, fit to be kept: cut to a length, secrets masked, control characters out."""

from __future__ import annotations

import re

KEPT = 4000
"""Characters of an output that are kept: half from its beginning, half from its end, where errors stand."""

_SECRETS = (
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(
        r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization)\b[\"']?\s*[:=]\s*[\"']?)"
        r"(?!(?:bearer|basic)\s)[^\s\"',;}]+"
    ),
    re.compile(r"(://[^/\s:@]*:)[^@/\s]+(?=@)"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def fit(output: bytes | str) -> str:
    """An output as it may be kept.

    >>> fit(b"token=abc123 card 4111 1111 1111 1111")
    'token=*** card ***'
    """
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    for secret in _SECRETS:
        text = secret.sub(r"\1***", text)
    text = _CARD.sub(lambda match: "***" if _is_card(match[0]) else match[0], text)
    text = _CONTROL.sub(" ", text).strip()
    if len(text) > KEPT:
        half = KEPT // 2
        text = f"{text[:half]}\n… {len(text) - KEPT} characters left out …\n{text[-half:]}"
    return text


def _is_card(text: str) -> bool:
    """Luhn's checksum (ISO/IEC 7812): a number that is no card number is left alone."""
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
