/** Many lines, few things: alerts of one condition, alerts that begin or end together, sentences cut to what is new. No DOM here. */
import { entityName, plural } from './format.js';

/** @typedef {import('../../types.d.ts').Alert} Alert */
/** @typedef {import('../../types.d.ts').TimelineEntry} Entry */

const STATISTIC = /\.(p\d{1,3}|mean|avg|median|min|max|sum|count|rate)$/;
const BEGIN_MS = 5000, END_MS = 15_000, TOGETHER_MS = 120_000;
const ORDER = ['critical', 'major', 'minor', 'info'];

/** The same for p50, p95 and mean of one metric on one entity, whatever its other labels, and for all who call it. @param {Alert} alert */
export function conditionOf(alert) {
  const metric = (alert.labels?.metric ?? '').replace(STATISTIC, '');
  const what = metric || (alert.source === 'detector' ? alert.subject.replace(/^edge:.*/s, 'calls') : '');
  return JSON.stringify([alert.entity, alert.name, alert.signal, what, alert.source, alert.suppressed_why]);
}

/** `p95` of `http.server.request.duration.p95`. @param {Alert} alert */
export const statisticOf = (alert) => (alert.labels?.metric ?? '').match(STATISTIC)?.[1] ?? '';

/** Firing before over, severe before mild, rare before likely. @param {Alert} a @param {Alert} b */
const worse = (a, b) => Number(b.status === 'firing') - Number(a.status === 'firing') || ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.p_value ?? 1) - (b.p_value ?? 1);

/** One row per condition that began at about the same time, the worst of it first. @param {Alert[]} alerts @returns {Alert[][]} */
export function fold(alerts) {
  const open = new Map();
  /** @type {Alert[][]} */
  const rows = [];
  for (const alert of alerts) {
    const key = conditionOf(alert), row = open.get(key);
    if (row && Math.abs(row[0].since_ms - alert.since_ms) <= TOGETHER_MS) row.push(alert);
    else {
      const fresh = [alert];
      open.set(key, fresh);
      rows.push(fresh);
    }
  }
  return rows.map((row) => row.sort(worse));
}

/** The worst alert that has a picture, of this entity if it has one. @param {Alert[]} alerts @param {string} entity */
export function worstSeries(alerts, entity) {
  const drawn = alerts.filter((a) => a.subject.startsWith('metric:')).sort(worse);
  return drawn.find((a) => a.entity === entity) ?? drawn[0];
}

/** Does this line say that an alert has ended? @param {Entry} entry */
export const isOver = (entry) => entry.kind === 'alert' && entry.says.startsWith('over: ');

/** Alerts that begin (or end) shortly after one another are one chapter; everything else stands alone. @param {Entry[]} entries @returns {Entry[][]} */
export function chapters(entries) {
  /** @type {Entry[][]} */
  const told = [];
  /** @type {Record<string, Entry[] | undefined>} */
  let open = {};
  for (const entry of entries) {
    if (entry.kind !== 'alert') open = {};
    const kind = isOver(entry) ? 'ends' : 'begins', last = open[kind];
    if (last && entry.at_ms - /** @type {Entry} */ (last.at(-1)).at_ms <= (kind === 'ends' ? END_MS : BEGIN_MS)) {
      last.push(entry);
      continue;
    }
    const fresh = [entry];
    told.push(fresh);
    if (entry.kind === 'alert') open[kind] = fresh;
  }
  return told;
}

const SIGNS = /** @type {Record<string, string>} */ ({ latency: 'slow', errors: 'failing', traffic: 'with unusual traffic', saturation: 'short of room', logs: 'with unusual logs', availability: 'not there', other: 'unusual' });

/** `gateway, users and 5 more slow; checkout failing`: what most alerts say first; logs only when nothing else speaks. @param {Alert[]} alerts */
export function symptoms(alerts) {
  /** @type {Map<string, {n: number, names: Set<string>}>} */
  const by = new Map();
  for (const { signal, entity } of alerts) {
    const one = by.get(signal) ?? { n: 0, names: new Set() };
    one.n += 1;
    one.names.add(entityName(entity).slice(0, 40));
    by.set(signal, one);
  }
  if (by.size > 1) by.delete('logs');
  return [...by].sort((a, b) => b[1].n - a[1].n).slice(0, 2).map(([signal, { names }]) => `${some([...names])} ${SIGNS[signal] ?? SIGNS.other}`).join('; ');
}

/** @param {string[]} names */
const some = (names) => (names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', '));

/** What a chapter says in one line. @param {Entry[]} entries @param {Alert[]} alerts those of its lines that are known */
export function headline(entries, alerts) {
  const many = plural(entries.length, 'alert');
  if (isOver(entries[0])) return `${many} over`;
  const says = symptoms(alerts);
  return says ? `${many}: ${says}` : many;
}

/** Its time stands beside it, so it need not say it. @param {string} text */
export const timeless = (text) => text.replace(/, since \d\d:\d\d:\d\d(?=;|$)/g, '');

/** The first clause of a long sentence; a semicolon in a quotation ends none. @param {string} text */
export function firstClause(text) {
  const clause = text.slice(0, 2000).match(/^(?:"[^"]*"|"|[^";]|;(?! ))*/)?.[0] ?? text;
  return timeless(clause).replace(/, \d+% of the added time its own$/, '');
}

/** Entity ids in a sentence by their short names. @param {string} text */
export const shortNames = (text) => text.replace(/\b[a-z]+:[\w.-]+\/(?=[\w.-])/g, '');

/** What came of a plan, without the roll call of who kept reporting. @param {string} outcome */
export const gist = (outcome) => shortNames(outcome).split(' while ')[0];

/** When the last alert of an incident ended; null while one fires or none is known. @param {Alert[]} alerts */
export function calmSince(alerts) {
  if (!alerts.length || alerts.some((a) => a.status === 'firing')) return null;
  return alerts.reduce((last, a) => Math.max(last, a.ended_ms ?? a.at_ms), 0);
}
