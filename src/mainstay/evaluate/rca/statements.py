"""Log lines as statements of the program: the place in the code that a line names, else its template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mainstay.evaluate.rca.sketches import Sketch
from mainstay.normalize.logs.headline import spoken
from mainstay.normalize.logs.lines import MAX_BODY
from mainstay.normalize.logs.miner import Miner
from mainstay.normalize.masking import mask_to

PLACE = re.compile(r"[A-Za-z_][\w.$\[\]]*(?:#|\.(?:c|cc|cpp|cs|go|java|js|kt|php|py|rb|rs|scala|ts):)\d+")
LEVEL = re.compile(
    r"""\b(?:FATAL|CRITICAL|PANIC|ERROR|WARN(?:ING)?)\b|"(?:level|severity)": ?"(?:err|warn|crit|fatal)"""
)
NUMBER = re.compile(r"[0-9A-Fa-f]*[0-9][0-9A-Za-z]*")
HEAD, NEAR, FRONT = 512, 300, 80  # characters in which a statement, its place, its level are looked for


class Statements:
    """The statements of one program family, in the order of its lines."""

    def __init__(self) -> None:
        self._miner, self._numbers = Miner(), dict[str, int]()
        self._miner.learn("one line")  # machine code is read from its cache: not what is timed

    def of(self, bodies: Sequence[str], traces: Sequence[str], spans: Sequence[str]) -> Iterator[str]:
        """One per line. Lines that differ in numbers alone are masked and mined once: the cost is in the different."""
        places = [PLACE.search(body, 0, NEAR) for body in bodies]
        plain = [
            "" if place else _bare(body, trace, span)
            for place, body, trace, span in zip(places, bodies, traces, spans, strict=True)
        ]
        new = [text for text in dict.fromkeys(plain) if text and text not in self._numbers]
        numbers = self._miner.learn_many([spoken(mask_to(text, MAX_BODY)) for text in new]).tolist()
        self._numbers.update(zip(new, numbers, strict=True))
        for place, text in zip(places, plain, strict=True):
            yield place[0] if place else f"@{self._numbers[text]}" if text else ""

    def brought_up(self, sketched: Sketch) -> Sketch:
        """A sketch under the templates that ids mean by now: some have become one since."""
        for habits in sketched.habits.values():
            for kind, what, toward in [key for key in habits if key[1].startswith("@")]:
                now = f"@{self._miner.current(int(what[1:]))}"
                if now != what:
                    into = habits.setdefault((kind, now, toward), {})
                    for at, count in habits.pop((kind, what, toward)).items():
                        into[at] = into.get(at, 0) + count
        return sketched


def errors(bodies: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which lines say of themselves that they are warnings or worse.

    >>> errors(["12:01 WARN no route", '{"severity": "error"}', "INFO no error"]).tolist()
    [True, True, False]
    """
    return np.array([LEVEL.search(body, 0, FRONT) is not None for body in bodies], bool)


def _bare(body: str, trace: str, span: str) -> str:
    head = body[:HEAD]
    for number in (trace, span):
        head = head.replace(number, "") if number else head
    return NUMBER.sub("0", head)
