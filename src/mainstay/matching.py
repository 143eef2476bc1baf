"""Matchers in the notation of Prometheus and Alertmanager, at a cost that is bounded.

A regular expression is RE2's, as theirs is, and anchored at both ends: it costs the length of the text, never its
power, so a person's `(a+)+$` cannot stop the pipeline. Python's `re` backtracks and is not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from mainstay.domain.errors import BadInput
from mainstay.domain.silences import Matcher

LONGEST = 512  # characters of a matcher, of its name, and of its value
MOST_REPEATS = 100
"""Product of the counts of `{m,n}`: a repetition is compiled as so many copies, 40 ms at RE2's own limit, 2 here."""
REMEMBERED = 65_536

_WRITTEN = re.compile(r'\s*([^=!~\s]+)\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*', re.DOTALL)
_COUNT = re.compile(r"\{(\d*),?(\d*)\}")
Known = Mapping[str, Sequence[str]]
"""What is known of an alert: each name with the values that it may be called by."""


def matches(matcher: Matcher, known: Known) -> bool:
    """Whether it holds.

    Where a name has several values (a label and our own word), one must match; a negative matcher holds when none does.

    >>> matches(matcher_of('service!="cart"'), {"service": ("cart", "cart-svc")})
    False
    """
    values = known.get(matcher.name) or ("",)
    if not matcher.is_regex:
        return (matcher.value in values) == matcher.is_equal
    return any(_is_match(matcher.value, value) for value in values) == matcher.is_equal


def checked(matcher: Matcher) -> Matcher:
    """Itself, when it can be used.

    Raises:
        BadInput: Too long, or no regular expression; says which value and what to do.
    """
    name, value = matcher.name, matcher.value
    if not name or len(name) > LONGEST or len(value) > LONGEST:
        says = f"{len(name)} and {len(value)}"
        raise BadInput(f"name and value of a matcher have 1 to {LONGEST} characters; got {says}: shorten it")
    if matcher.is_regex:
        _check(value)
    return matcher


def matcher_of(text: str) -> Matcher:
    """A matcher as a person writes it: `service="cart"`, `service!="cart"`, `service=~"ca.*"`, `service!~"ca.*"`.

    Raises:
        BadInput: It cannot be read, or its regular expression cannot.
    """
    bare = text.strip()
    bare = bare[1:-1] if bare[:1] == "{" and bare[-1:] == "}" else bare  # `{a="b"}`, not the end of `a=~b{3}`
    parts = _WRITTEN.fullmatch(bare) if len(text) <= LONGEST else None
    if parts is None:
        raise BadInput(f'expected a matcher such as severity="critical", got {text[:100]!r}')
    name, sign, value = parts.groups()
    return checked(Matcher(name=name, value=value, is_regex=sign[-1] == "~", is_equal=sign[0] == "="))


def _check(pattern: str) -> None:
    repeats = 1
    for low, high in _COUNT.findall(pattern):
        repeats *= max(int((high or low or "1")[:6]), 1)
    if repeats > MOST_REPEATS:
        raise BadInput(
            f"matcher {pattern[:100]!r} repeats {repeats} times in all; at most {MOST_REPEATS}: use + or * instead"
        )
    _is_match(pattern, "")  # refused here, not at the first alert


@lru_cache(REMEMBERED)
def _is_match(pattern: str, text: str) -> bool:
    """Whether RE2 matches the whole text."""
    import pyarrow as pa
    from pyarrow.compute import match_substring_regex

    try:
        found = match_substring_regex(pa.array([text]), rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid as error:
        says = str(error).removeprefix("Invalid regular expression: ")[:200]
        raise BadInput(
            f"matcher {pattern[:100]!r} is not a regular expression: {says}; mend it (RE2 knows no look-around)"
        ) from None
    return bool(found[0].as_py())
