"""Who may approve what, as Cedar policies. Cedar fails open; this closes it.

A `forbid` whose condition errors is skipped by Cedar, and the answer is then ALLOW. So every policy is validated
against the schema when it is read, every question is asked with the schema, and an answer with any error is a no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mainstay.domain.errors import BadFile
from mainstay.domain.runbooks import Plan
from mainstay.domain.users import User

SHIPPED = Path(__file__).parent / "policies"
Act = Literal["request", "approve", "reject"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Yes or no, and by which policies."""

    is_allowed: bool
    says: str


class Policy:
    """The policies in force.

    Args:
        files: `*.cedar` files beside the shipped ones. They are added to them: an own `permit` widens, an own
            `forbid` always wins.

    Raises:
        BadFile: A file does not parse, or does not fit the schema.
    """

    def __init__(self, files: Sequence[Path | str] = ()) -> None:
        from cedarpy import PolicySet, Schema

        self._schema = Schema.from_str((SHIPPED / "approval.cedarschema").read_text(encoding="utf-8"))
        paths = [*sorted(SHIPPED.glob("*.cedar")), *map(Path, files)]
        self._policies = PolicySet.from_str("\n".join(self._read(path) for path in paths))

    def ruling(self, act: Act, user: User, plan: Plan, tier: int) -> Ruling:
        """Whether this person may do this to this plan; `tier` is the most critical that it touches, 1 to 4."""
        from cedarpy import is_authorized

        request = {
            "principal": {"type": "User", "id": user.name},
            "action": {"type": "Action", "id": act},
            "resource": {"type": "Plan", "id": plan.id},
            "context": {"by": person(user.name)},
        }
        answer = is_authorized(request, self._policies, _entities(user, plan, tier), schema=self._schema)
        if answer.diagnostics.errors:
            return Ruling(is_allowed=False, says=f"the policy could not be evaluated: {answer.diagnostics.errors[0]}")
        names = answer.diagnostics.id_annotations_by_reason
        by = ", ".join(sorted(names.get(reason, reason) for reason in answer.diagnostics.reasons))
        return Ruling(is_allowed=answer.allowed, says=by or f"no policy lets a {user.role} {act} this")

    def _read(self, path: Path) -> str:
        from cedarpy import PolicySet, validate_policies

        try:
            text = path.read_text(encoding="utf-8")
            PolicySet.from_str(text)
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(str(path), 1, f"cannot be read: {error}") from None
        except ValueError as error:
            raise BadFile(str(path), _first_bad_line(text), f"expected a Cedar policy: {error}") from None
        result = validate_policies(text, self._schema)
        if not result.validation_passed:
            raise BadFile(str(path), 1, f"does not fit the schema: {result.errors[0]}")
        return text


def person(name: str) -> str:
    """A person's name in the form in which two names are compared: `user:Ada` and `ada` are the same person.

    >>> person("user:Ada ")
    'ada'
    """
    return name.strip().removeprefix("user:").strip().casefold()


def _entities(user: User, plan: Plan, tier: int) -> list[dict[str, Any]]:
    attributes = {
        "risk_class": plan.risk_class,
        "tier": tier,
        "runbook": plan.runbook,
        "requested_by": person(plan.requested_by),
    }
    return [
        {
            "uid": {"type": "User", "id": user.name},
            "attrs": {"role": user.role, "disabled": user.disabled},
            "parents": [],
        },
        {"uid": {"type": "Plan", "id": plan.id}, "attrs": attributes, "parents": []},
    ]


def _first_bad_line(text: str) -> int:
    """Cedar names no line: the statement that no longer parses when statements are added one by one starts there."""
    from cedarpy import PolicySet

    start, end = 0, text.find(";")
    while end >= 0:
        try:
            PolicySet.from_str(text[: end + 1])
            start = end + 1
        except ValueError:
            pass
        end = text.find(";", end + 1)
    rest = text[start:]
    blank = rest[: len(rest) - len(rest.lstrip())]
    return text[:start].count("\n") + blank.count("\n") + 1
