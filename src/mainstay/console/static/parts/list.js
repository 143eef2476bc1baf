/** A list of any length of which only what is on screen is in the document: ten thousand rows cost as much as forty. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { html } from '../js/html.js';
import { useKeys } from '../js/keys.js';

/** @typedef {{key: string, height: number, head?: boolean, draw: () => any}} Row */

/** Rows drawn above and below the screen, in pixels: fast scrolling shows rows, not gaps. */
const MARGIN = 480;

/** @param {number[]} tops @param {number} y @returns {number} the row at height y */
function rowAt(tops, y) {
  let low = 0, high = tops.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle] <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Which rows are near the screen. @param {{current: HTMLElement | null}} ref @param {number[]} tops */
function useSpan(ref, tops) {
  const [span, setSpan] = useState([0, 24]);
  const measure = () => {
    const top = ref.current?.getBoundingClientRect().top ?? 0;
    const first = rowAt(tops, -top - MARGIN), last = rowAt(tops, window.innerHeight - top + MARGIN);
    setSpan((old) => (old[0] === first && old[1] === last ? old : [first, last]));
  };
  useLayoutEffect(measure, [tops]);
  useEffect(() => {
    let frame = 0;
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(measure);
    };
    window.addEventListener('scroll', later, { passive: true });
    window.addEventListener('resize', later);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener('scroll', later);
      window.removeEventListener('resize', later);
    };
  }, [tops]);
  return span;
}

/** Where the cursor is, over updates: kept by key, so that new rows above do not move it. @type {Map<string, string>} */
const cursors = new Map();

/** @param {HTMLElement} list @param {string} key @returns {boolean} whether the row is in the document */
function focusRow(list, key) {
  const link = /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${CSS.escape(key)}"] a`));
  link?.focus({ preventScroll: true });
  return Boolean(link);
}

/** `j` and `k` walk over all rows, also those not in the document yet.
 * @param {{current: HTMLElement | null}} ref @param {string} name @param {Row[]} rows @param {number[]} tops */
function useCursor(ref, name, rows, tops) {
  const [wanted, setWanted] = useState(/** @type {string | null} */ (null));
  useKeys(() => {
    const move = (/** @type {number} */ by) => {
      let i = rows.findIndex((row) => row.key === cursors.get(name));
      do i += i < 0 && by < 0 ? 0 : by; while (rows[i]?.head);
      const row = rows[i];
      if (!row || !ref.current) return;
      cursors.set(name, row.key);
      const top = ref.current.getBoundingClientRect().top + tops[i];
      if (top < 80 || top + row.height > window.innerHeight - 80) window.scrollBy(0, top - window.innerHeight / 2);
      if (!focusRow(ref.current, row.key)) setWanted(row.key);
    };
    return { j: () => move(1), k: () => move(-1) };
  }, [rows, tops]);
  useEffect(() => {
    if (wanted !== null && ref.current && focusRow(ref.current, wanted)) setWanted(null);
  });
}

/** @param {{name: string, label: string, rows: Row[], end?: () => void}} props */
export function LongList({ name, label, rows, end }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const tops = useMemo(() => {
    let y = 0;
    return rows.map((row) => (y += row.height) - row.height);
  }, [rows]);
  const [first, last] = useSpan(ref, tops);
  useCursor(ref, name, rows, tops);
  const height = rows.length ? tops[rows.length - 1] + rows[rows.length - 1].height : 0;
  useEffect(() => {
    if (last >= rows.length - 30) end?.();
  }, [last, rows.length]);
  const focused = (/** @type {FocusEvent} */ event) => {
    const key = /** @type {HTMLElement} */ (event.target).closest('[data-key]')?.getAttribute('data-key');
    if (key) cursors.set(name, key);
  };
  return html`<div class="list-space" ref=${ref} role="list" aria-label=${label} style=${{ height: `${height}px` }} onFocusIn=${focused}>
    <div class="list-window" role="presentation" style=${{ top: `${tops[Math.min(first, tops.length - 1)] ?? 0}px` }}>
      ${rows.slice(first, last + 1).map((row, i) => html`<div key=${row.key} role="listitem" data-key=${row.key} aria-setsize=${rows.length} aria-posinset=${first + i + 1}>${row.draw()}</div>`)}
    </div></div>`;
}
