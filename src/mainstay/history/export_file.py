"""A file that another system exported: its text whatever it is encoded in, and the rows of a CSV with their lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from mainstay.domain.errors import BadFile

DELIMITERS = ",;\t|"
GARBLED = "bytes that are not UTF-8: export the file as UTF-8"


def text_of(path: Path, most_bytes: int) -> str:
    """UTF-16 or UTF-8 by its mark, else UTF-8; bytes that are none stand as surrogates (`is_garbled`).

    Raises:
        BadFile: It cannot be read, or is larger than that.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise BadFile(str(path), 1, f"larger than {most_bytes >> 20} MiB: export a shorter time")
        raw = path.read_bytes()
    except OSError as error:
        raise BadFile(str(path), 1, f"cannot be read: {error.strerror}") from None
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", errors="replace")
    return raw.decode("utf-8-sig", errors="surrogateescape")


def is_garbled(text: str) -> bool:
    """Whether it holds what is no character.

    >>> is_garbled("é"), is_garbled(chr(0xDCE9))
    (False, True)
    """
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def csv_rows(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """(line, row), or (line, why it cannot be read). The line is where the row begins.

    What stands between columns is what the first line has most of.

    >>> list(csv_rows("a;b"))
    [(1, ['a', 'b'])]
    """
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not CSV: {error}"
