/** The keyboard: every action has a key, `?` lists them, and none of them fires while somebody types. */
import { useLayoutEffect } from 'preact/hooks';
import { current } from '../parts/dialog.js';
import { go } from './router.js';

/** @type {Record<string, string>} */
const GO = { i: 'incidents', a: 'approvals', c: 'changes', s: 'services', m: 'models', r: 'runbooks', l: 'ledger', u: 'settings', w: 'silences', o: 'outlook' };

/** What keys do on the page that is open; a page sets its own and takes them away. @type {Map<string, () => void>} */
const bound = new Map();

/** Keys of a page, in force from the moment that it can be seen. @param {() => Record<string, () => void>} actions @param {unknown[]} on */
export const useKeys = (actions, on) => useLayoutEffect(() => bind(actions()), on);

/** @param {Record<string, () => void>} actions @returns {() => void} */
function bind(actions) {
  for (const [key, act] of Object.entries(actions)) bound.set(key, act);
  return () => {
    for (const [key, act] of Object.entries(actions)) if (bound.get(key) === act) bound.delete(key);
  };
}

/** Move the focus among the rows of a plain list. @param {number} by */
function move(by) {
  const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('main [data-row]')]);
  const here = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = rows[here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, here + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

function search() {
  /** @type {HTMLInputElement | null} */
  const field = document.querySelector('input[type="search"]');
  if (field) field.focus();
  else go('incidents');
}

let waitsForPage = 0;

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || current.value) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest?.('input, textarea, select, [contenteditable]')) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  if (perform(event.key)) event.preventDefault();
}

/** @param {string} key @returns {boolean} whether the key meant something */
function perform(key) {
  if (Date.now() < waitsForPage && GO[key]) {
    waitsForPage = 0;
    go(GO[key]);
  } else if (key === 'g') waitsForPage = Date.now() + 1500;
  else if (bound.has(key)) bound.get(key)?.();
  else if (key === 'j' || key === 'k') move(key === 'j' ? 1 : -1);
  else if (key === '/') search();
  else return false;
  return true;
}

export const listen = () => window.addEventListener('keydown', pressed);
