/** What was fetched, by path. A page says what it needs; live events refetch it; equal answers draw nothing. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { getText } from './api.js';

/** @typedef {{data: any, error: Error | null, at: number}} Held */
/** @typedef {{held: import('@preact/signals').Signal<Held>, text: string, users: number, busy: boolean, again: boolean, stale: boolean}} Slot */

/** @type {Map<string, Slot>} */
const slots = new Map();
const MOST = 60;

/** @param {string} path @returns {Slot} */
function slotOf(path) {
  let slot = slots.get(path);
  if (slot) return slot;
  for (const [key, old] of slots) if (slots.size >= MOST && old.users === 0) slots.delete(key);
  slot = { held: signal({ data: undefined, error: null, at: 0 }), text: '', users: 0, busy: false, again: false, stale: true };
  slots.set(path, slot);
  return slot;
}

/** @param {string} path */
export async function load(path) {
  const slot = slotOf(path);
  if (slot.busy) {
    slot.again = true;
    return;
  }
  slot.busy = true;
  slot.stale = false;
  try {
    const text = await getText(path);
    const before = slot.held.value;
    if (text !== slot.text || before.error) slot.held.value = { data: JSON.parse(text), error: null, at: Date.now() };
    slot.text = text;
  } catch (error) {
    slot.stale = true;
    slot.held.value = { ...slot.held.value, error: /** @type {Error} */ (error) };
  } finally {
    slot.busy = false;
  }
  if (slot.again) {
    slot.again = false;
    await load(path);
  }
}

/** What this path holds now; fetched when nobody had it, kept fresh while it is on screen. @param {string | null} path @returns {Held} */
export function useData(path) {
  const slot = slotOf(path ?? '');
  useEffect(() => {
    if (!path) return undefined;
    slot.users += 1;
    if (slot.stale) load(path);
    return () => {
      slot.users -= 1;
    };
  }, [path]);
  return slot.held.value;
}

/** Fetch again what is on screen, and mark the rest old. @param {(path: string) => boolean} matches */
export function refresh(matches) {
  for (const [path, slot] of slots) {
    if (!path || !matches(path)) continue;
    if (slot.users > 0) load(path);
    else slot.stale = true;
  }
}

/** Forget everything: another person signs in. */
export const forget = () => slots.clear();

/** A list, also while there is none yet. @param {any} data @returns {any[]} */
export const items = (data) => data ?? [];
