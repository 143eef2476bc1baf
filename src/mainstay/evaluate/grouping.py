"""How well lines were given templates: the four figures of Loghub-2.0 (Jiang et al., ISSTA 2024)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def figures(
    truth: Sequence[str], templates: Sequence[str], groups: Sequence[Hashable] | None = None
) -> dict[str, float]:
    """GA, FGA, PA and FTA of one system.

    - GA: share of lines in groups that hold exactly the lines of one true template.
    - FGA: harmonic mean of the shares of found and of true groups that are such.
    - PA: share of lines whose template's text is the true one.
    - FTA: harmonic mean of the shares of found and of true templates that are right: all their lines are of the true
      template of the same text.

    Args:
        truth: The true template of each line.
        templates: The found one.
        groups: What the lines are grouped by; the text of their found templates when None.

    >>> figures(["a <*>", "a <*>", "b"], ["a <*>", "a x", "b"])
    {'ga': 0.3333, 'fga': 0.4, 'pa': 0.6667, 'fta': 0.8}
    """
    groups = templates if groups is None else groups
    of_truth, of_group = Counter(truth), Counter(groups)
    pairs = Counter(zip(truth, groups, strict=True))
    right = [t for (t, g), n in pairs.items() if n == of_truth[t] == of_group[g]]
    texts, agreed = Counter(templates), Counter(t for t, found in zip(truth, templates, strict=True) if t == found)
    correct = sum(agreed[text] == count for text, count in texts.items())
    return {
        "ga": round(sum(of_truth[t] for t in right) / len(truth), 4),
        "fga": round(2 * len(right) / (len(of_truth) + len(of_group)), 4),
        "pa": round(agreed.total() / len(truth), 4),
        "fta": round(2 * correct / (len(of_truth) + len(texts)), 4),
    }
