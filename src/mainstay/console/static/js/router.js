/** Where we are, kept in the fragment: it works under any mount point and never reaches a server's log. */
import { signal } from '@preact/signals';

/** @typedef {{path: string, page: string, id: string, part: string}} Route */

/** @returns {Route} */
function read() {
  const path = location.hash.replace(/^#\/?/, '') || 'incidents';
  const [page, id = '', part = ''] = path.split('/').map((s) => {
    try { return decodeURIComponent(s); } catch { return s; }
  });
  return { path, page, id, part };
}

export const route = signal(read());

/** Scroll positions of pages left, so that going back lands where one was. @type {Map<string, number>} */
const positions = new Map();
let leaving = route.value;

window.addEventListener('hashchange', () => {
  positions.set(leaving.path, window.scrollY);
  const next = read(), same = next.page === leaving.page && next.id === leaving.id;
  leaving = next;
  route.value = next;
  if (same) return;
  const back = positions.get(next.path) ?? 0;
  requestAnimationFrame(() => requestAnimationFrame(() => window.scrollTo(0, back)));
  if (!document.activeElement || document.activeElement === document.body) document.querySelector('main')?.focus();
});
history.scrollRestoration = 'manual';

/** @param {...string} parts */
export const to = (...parts) => `#/${parts.filter(Boolean).map(encodeURIComponent).join('/')}`;

/** @param {...string} parts */
export const go = (...parts) => { location.hash = to(...parts); };
