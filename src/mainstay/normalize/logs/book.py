"""The templates that are known: where they stand in the tables, what they are called, which of them is forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from mainstay.normalize.logs.evidence import Family, places
from mainstay.normalize.logs.index import MAX_MASKS, Slots, Table, drop, guide_key, key_of, put
from mainstay.normalize.logs.known import Known
from mainstay.normalize.logs.tokens import WILD

MAX_ALIASES = 32_000
ALL = (1 << 64) - 1


class Book:
    """Templates by slot, shape and id. Several slots can have one id: lines of other shapes that say the same.

    Attributes:
        known: Templates by slot, in the order of their founding. number: u32[most], the id of each slot.
        families: Those of one shape. ids: Slots by id, the oldest first.
        gists: The id of what is said: that of every slot that says it, so never one that became another.
        aliases: Ids that mean another now. changed, merged: What is to be told (see `Miner`).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.table, self.guide, self.slots = Table.of(most), Table.of(2 * most), Slots.of(most)
        self.number = np.zeros(most, np.uint32)
        self.known: dict[int, Known] = {}
        self.ids: dict[int, list[int]] = {}
        self.gists: dict[str, int] = {}
        self._says: dict[int, str] = {}
        self.families: dict[int, Family] = {}
        self.aliases: OrderedDict[int, int] = OrderedDict()
        self.changed: dict[int, None] = {}
        self.merged: list[tuple[int, int]] = []
        self._free = list(range(most - 1, -1, -1))

    def current(self, number: int) -> int:
        """The id that an id means now."""
        while number in self.aliases:
            number = self.aliases[number]
        return number

    def text(self, known: Known) -> str:
        slots, slot = self.slots, known.slot
        return known.text(int(slots.formed[slot]), int(slots.valued[slot]), int(slots.count[slot]))

    def add(self, new: Known, form: Any, value: Any) -> None:
        """A template of its own; when there is no room, the one not seen for longest makes it."""
        if not self._free:
            self.forget(self.known[int(np.argmin(self.slots.seen))])
        slot, slots = self._free.pop(), self.slots
        new.slot = slot
        slots.form[slot, : len(form)], slots.value[slot, : len(value)] = form, value
        slots.formed[slot] = slots.valued[slot] = 0
        slots.count[slot], slots.seen[slot] = 1, new.order
        self.known[slot] = new
        self._name(new)
        self._into_family(new)

    def merge(self, family: Family, inside: Sequence[int], mask: int, seen: int) -> Known:
        """Members of a family become the oldest of them, with these places left out."""
        members, slots = [family.members[m] for m in inside], self.slots
        kept = members[0]
        for member in members:
            drop(self.table, self._key(member))
            mask |= member.mask
        mask = self._allowed(family, mask)
        self._unsaid(kept)
        for member in members[1:]:
            slots.formed[kept.slot] |= slots.formed[member.slot] | _differs(slots.form, kept.slot, member.slot)
            slots.valued[kept.slot] |= slots.valued[member.slot] | _differs(slots.value, kept.slot, member.slot)
            slots.count[kept.slot] += slots.count[member.slot]
            number = int(self.number[member.slot])
            self._release(member)
            self.rename(number, int(self.number[kept.slot]))
        kept.mask = mask
        slots.seen[kept.slot] = seen
        family.leave(set(inside[1:]))
        family.words[family.members.index(kept)] = row_of(kept)
        self._enter(kept, family)
        self._say(kept)
        self.changed[int(self.number[kept.slot])] = None
        return kept

    def rename(self, number: int, now: int) -> None:
        """All slots of an id get another id, and the old one means it from now on."""
        if number == now:
            return
        slots = self.ids.pop(number, [])
        for slot in slots:
            self.number[slot] = now
            if slot in self._says:
                self.gists[self._says[slot]] = now
        if slots:
            self.ids[now] = sorted([*self.ids.get(now, ()), *slots], key=lambda slot: self.known[slot].order)
        self.aliases[number] = now
        self.changed[number] = None
        self.merged.append((number, now))
        if len(self.aliases) > MAX_ALIASES:
            self.aliases.popitem(last=False)

    def forget(self, known: Known) -> None:
        """A template leaves; its id stays free for when it comes back."""
        drop(self.table, self._key(known))
        family = self.families[known.shape]
        family.leave({family.members.index(known)})
        self._guided(known.shape, family)
        if not family.members:
            del self.families[known.shape]
        self._release(known)

    def _name(self, new: Known) -> None:
        """An id for a new template: the one of what says the same, or its own, or the next that is not taken."""
        gist = new.gist()
        same = self.gists.get(gist)
        number = same if same is not None else new.id
        while same is None and (number in self.ids or number in self.aliases):
            number = number % 0xFFFFFFFF + 1
        new.id = number
        self.number[new.slot] = number
        self.ids.setdefault(number, []).append(new.slot)
        self.gists[gist], self._says[new.slot] = number, gist
        self.changed[number] = None

    def _say(self, known: Known) -> None:
        """After a merge: when something says the same already, both are one, with the older's id."""
        mine, gist = int(self.number[known.slot]), known.gist()
        same = self.gists.get(gist)
        if same is not None and same != mine:
            older, younger = sorted((same, mine), key=lambda number: self.known[self.ids[number][0]].order)
            self.rename(younger, older)
            mine = older
        self.gists[gist], self._says[known.slot] = mine, gist

    def _unsaid(self, known: Known) -> None:
        """Its gist is nobody's, unless another slot says it: that slot has the same id."""
        gist = self._says.pop(known.slot, None)
        if gist is not None and all(self._says.get(slot) != gist for slot in self.ids[int(self.number[known.slot])]):
            del self.gists[gist]

    def _release(self, known: Known) -> None:
        number = int(self.number[known.slot])
        self._unsaid(known)
        self.ids[number].remove(known.slot)
        if not self.ids[number]:
            del self.ids[number]
        del self.known[known.slot]
        self._free.append(known.slot)

    def _into_family(self, known: Known) -> None:
        row = row_of(known)
        family = self.families.get(known.shape)
        if family is None:
            family = self.families[known.shape] = Family([], np.empty((0, len(row)), np.uint64))
        family.members.append(known)
        family.words = np.vstack([family.words, row])
        self._enter(known, family)

    def _allowed(self, family: Family, mask: int) -> int:
        """This mask, or the one of all places when the shape has too many masks already."""
        masks = {m.mask for m in family.members}
        return mask if mask in masks or len(masks) < MAX_MASKS - 2 else ALL

    def _enter(self, known: Known, family: Family) -> None:
        put(self.table, self._key(known), np.uint64(known.slot))
        self.slots.mask[known.slot] = known.mask
        self._guided(known.shape, family)

    def _guided(self, shape: int, family: Family) -> None:
        """Write the masks of a shape anew when they are others, the most specific first."""
        masks = sorted({m.mask for m in family.members}, key=lambda mask: (mask.bit_count(), mask))
        for number in range(max(len(masks), len(family.masks))):
            key = np.uint64(guide_key(np.uint64(shape), number))
            if number >= len(masks):
                drop(self.guide, key)
            elif number >= len(family.masks) or family.masks[number] != masks[number]:
                put(self.guide, key, np.uint64(masks[number]))
        family.masks = masks

    def _key(self, known: Known) -> Any:
        words = np.array(known.hashes, np.uint64)
        return np.uint64(key_of(np.uint64(known.shape), words, np.uint64(known.mask)))

    def state(self) -> dict[str, Any]:
        slots = list(self.known)
        return {
            "known": [msgspec.to_builtins(known) for known in self.known.values()],
            "slots": [column[slots].tobytes() for column in self.slots],
            "number": self.number[slots].tobytes(),
            "families": [[m.slot for m in family.members] for family in self.families.values()],
            "aliases": list(self.aliases.items()),
            "changed": list(self.changed),
            "merged": self.merged,
            "free": self._free,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.known = {known.slot: known for known in msgspec.convert(state["known"], list[Known])}
        slots = list(self.known)
        for column, saved in zip(self.slots, state["slots"], strict=True):
            column[slots] = np.frombuffer(saved, column.dtype).reshape(len(slots), *column.shape[1:])
        self.number[slots] = np.frombuffer(state["number"], np.uint32)
        for slot in sorted(slots, key=lambda s: self.known[s].order):
            self.ids.setdefault(int(self.number[slot]), []).append(slot)
        for members in state["families"]:
            for slot in members:
                self._into_family(self.known[slot])
        self._says = {slot: known.gist() for slot, known in self.known.items()}
        self.gists = {gist: int(self.number[slot]) for slot, gist in self._says.items()}
        self.aliases = OrderedDict((number, now) for number, now in state["aliases"])
        self.changed = dict.fromkeys(state["changed"])
        self.merged = [(number, now) for number, now in state["merged"]]
        self._free = list(state["free"])


def row_of(known: Known) -> Any:
    """The words of a template as the evidence compares them: `WILD` where they vary."""
    row = np.array(known.hashes, np.uint64)
    row[[place for place in places(known.mask) if place < len(row)]] = WILD
    return row


def _differs(column: Any, one: int, other: int) -> Any:
    """The places at which two rows differ, as bits."""
    bits = (column[one] != column[other]).astype(np.uint64) << np.arange(column.shape[1], dtype=np.uint64)
    return bits.sum(dtype=np.uint64)
