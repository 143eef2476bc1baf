/** Numbers, times and names as a tired person reads them. No DOM here. */

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long', hour12: false });

/** @param {number} n */
export const count = (n) => whole.format(n);

/** `3 services`, `1 service`. @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A length of time in its two largest useful units. @param {number} ms */
export function duration(ms) {
  const t = Math.abs(ms);
  if (t < 1000) return `${Math.round(t)} ms`;
  if (t < 90_000) return `${Math.round(t / 1000)} s`;
  if (t < HOUR) return `${Math.round(t / MINUTE)} min`;
  const minutes = Math.floor((t % HOUR) / MINUTE);
  if (t < DAY) return `${Math.floor(t / HOUR)} h${minutes ? ` ${minutes} min` : ''}`;
  const days = Math.round(t / DAY);
  return days === 1 ? '1 day' : `${days} days`;
}

/** @param {number} ms @param {number} now */
export function relative(ms, now) {
  const t = now - ms;
  if (Math.abs(t) < 5000) return 'now';
  const long = Math.abs(t) >= HOUR && Math.abs(t) < DAY ? `${Math.round(Math.abs(t) / HOUR)} h` : duration(t);
  return t < 0 ? `in ${long}` : `${long} ago`;
}

/** Time of day; with the date when it is not today. @param {number} ms @param {boolean} [seconds] */
export function timeOfDay(ms, seconds = false) {
  const at = new Date(ms), today = new Date();
  const time = (seconds ? clockSeconds : clock).format(at);
  return at.toDateString() === today.toDateString() ? time : `${day.format(at)}, ${time}`;
}

/** @param {number} ms */
export const absolute = (ms) => full.format(new Date(ms));

/** Three significant digits, with a short scale for what is large. @param {number} v */
export function value(v) {
  const size = Math.abs(v);
  if (!Number.isFinite(v)) return '–';
  if (size >= 1e9) return `${trim(v / 1e9)} G`;
  if (size >= 1e6) return `${trim(v / 1e6)} M`;
  if (size >= 1e4) return `${trim(v / 1e3)} k`;
  return trim(v);
}

/** @param {number} v */
const trim = (v) => (v === 0 ? '0' : String(Number(v.toPrecision(3))));

/** A value in its unit: seconds become ms when small, or when what they stand beside is. @param {number} v @param {string} [unit] @param {number} [beside] */
export function quantity(v, unit = '', beside = v) {
  if (unit === 's' && Math.abs(beside) < 1) return `${value(v * 1000)} ms`;
  if (unit === 'ms' && Math.abs(beside) >= 1000) return `${value(v / 1000)} s`;
  if (unit === 'By' || unit === 'bytes') return bytes(v);
  if (unit === '1' || unit === '') return value(v);
  return `${value(v)} ${unit.replace(/[{}]/g, '')}`;
}

/** @param {number} v */
export function bytes(v) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; Math.abs(v) >= 1024 && i < units.length - 1; i += 1) v /= 1024;
  return `${trim(v)} ${units[i]}`;
}

/** @param {number} p */
export const percent = (p) => (p > 0.995 && p < 1 ? '> 99 %' : `${Math.round(p * 100)} %`);

/** `metrics@7`. @param {import('../../types.d.ts').VersionRef} ref */
export const versionName = (ref) => `${ref.model}@${ref.version}`;

/** The short name of an entity id: `service:prod/payments` → `payments`. @param {string} id */
export function entityName(id) {
  const colon = id.indexOf(':'), slash = id.indexOf('/', colon);
  return colon > 0 && slash > colon && slash < id.length - 1 ? id.slice(slash + 1) : id;
}
