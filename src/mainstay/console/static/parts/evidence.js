/** Evidence: each piece has an id that suspects and summary cite, and a picture where there is one. */
import { useState } from 'preact/hooks';
import { entityName, quantity } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { useData } from '../js/store.js';
import { conditionOf, statisticOf, timeless, worstSeries } from '../js/story.js';
import { Chart } from './chart.js';
import { At, Text, Version } from './words.js';

/** @typedef {import('../../types.d.ts').Incident} Incident */
/** @typedef {import('../../types.d.ts').Evidence} Evidence */
/** @typedef {import('../../types.d.ts').Alert} Alert */

const BEFORE_MS = 15 * 60_000, AFTER_MS = 5 * 60_000;

/** A summary with its `[E3]` as links to the evidence. @param {{text: string, incident: Incident}} props */
export function Cited({ text, incident }) {
  const ids = new Set(incident.evidence.map((e) => e.id));
  const words = text.length > 2000 ? [text] : text.split(/(\[?\bE\d+\b\]?)/);
  return html`${words.map((word) => {
    const id = word.replace(/[[\]]/g, '');
    return ids.has(id) ? html`<a class="cite" href=${to('incidents', incident.id, id)}>${id}</a>` : html`<${Text} value=${word} max=${600} />`;
  })}`;
}

/** The series behind a piece of evidence, if there is one. @param {Evidence} evidence @param {Map<string, Alert>} alerts */
function seriesOf(evidence, alerts) {
  const subject = evidence.kind === 'metric' ? evidence.ref : alerts.get(evidence.ref)?.subject ?? '';
  const id = subject.replace(/^metric:/, '');
  return /^\d+$/.test(id) ? id : '';
}

/** @param {{series: string, incident: Incident, changes: import('../../types.d.ts').Change[]}} props */
function SeriesChart({ series, incident, changes }) {
  const until = incident.resolved_ms !== null ? `&until_ms=${incident.resolved_ms + AFTER_MS}` : '';
  const held = useData(`/series/${series}/points?since_ms=${incident.since_ms - BEFORE_MS}${until}`);
  if (held.error && !held.data) return html`<p class="small muted">The chart cannot be drawn: <${Text} value=${held.error.message} /></p>`;
  if (!held.data) return html`<div class="chart"></div>`;
  if (!held.data.at_ms?.length) return html`<p class="small muted">The samples have expired; what was decided from them is frozen in the <a href=${to('ledger')}>ledger</a>.</p>`;
  const marks = [...changes.map((c) => ({ at_ms: c.at_ms, kind: 'change', says: `${c.kind} ${c.version}` })), { at_ms: incident.since_ms, kind: 'onset', says: 'trouble began' }];
  return html`<${Chart} points=${held.data} unit=${held.data.unit} name=${held.data.metric} marks=${marks} />`;
}

/** What came and what was expected. @param {import('../../types.d.ts').Band} band */
function measured({ value, low, high, unit }) {
  return `${quantity(value, unit)}, expected ${quantity(value >= 0 ? Math.max(0, low) : low, unit)} to ${quantity(high, unit)}`;
}

/** What a piece says; the name of a metric that the line above has said is not repeated. @param {Evidence} evidence @param {Alert | undefined} alert @param {boolean} again */
function saying(evidence, alert, again) {
  const band = alert?.band, says = timeless(evidence.says);
  if (!band || !alert) return says;
  if (again && alert.labels.metric) return `${statisticOf(alert) || 'also'} ${measured(band)}`;
  return /\bexpected\b/.test(says) ? says : `${says} · ${measured(band)}`;
}

/** Pieces of one condition share a row and a picture. @param {Evidence[]} pieces @param {Map<string, Alert>} alerts @returns {Evidence[][]} */
function rowsOf(pieces, alerts) {
  /** @type {Map<string, Evidence[]>} */
  const rows = new Map();
  for (const piece of pieces) {
    const alert = alerts.get(piece.ref), key = alert ? conditionOf(alert) : piece.id;
    rows.set(key, [...(rows.get(key) ?? []), piece]);
  }
  return [...rows.values()];
}

/** @param {{evidence: Evidence, alert: Alert | undefined, again: boolean}} props */
const Line = ({ evidence, alert, again }) => html`<div class="line" id=${`evidence-${evidence.id}`} tabindex="-1"><span class="cite">${evidence.id}</span><span>${!again && html`<span class="muted">${evidence.kind}</span> `}<${Text} value=${saying(evidence, alert, again)} max=${300} /> ${alert && !again && html`<${Version} of=${alert.decided_by} />`}</span>
    <span class="muted at"><${At} ms=${evidence.at_ms} seconds=${true} /></span></div>`;

/** When no piece of evidence has a picture: what the worst alert of the suspect saw. @param {{incident: Incident, alerts: Alert[], changes: import('../../types.d.ts').Change[]}} props */
function Seen({ incident, alerts, changes }) {
  const alert = worstSeries(alerts, incident.suspects[0]?.entity ?? '');
  if (!alert) return null;
  return html`<li data-row tabindex="-1"><div class="line"><span></span><span><span class="muted">alert</span> <${Text} value=${timeless(alert.summary) || alert.name} max=${300} /> <${Version} of=${alert.decided_by} /></span>
    <span class="muted at"><${At} ms=${alert.since_ms} seconds=${true} /></span></div><${SeriesChart} series=${alert.subject.replace('metric:', '')} incident=${incident} changes=${changes} /></li>`;
}

/** One call as a waterfall of its spans. @param {{trace: string, kind: string}} props */
function Waterfall({ trace, kind }) {
  const { data, error } = useData(`/traces/${trace}`);
  if (!data) return html`<p class="small muted">${error ? `The ${kind} call has expired.` : '…'}</p>`;
  const spans = /** @type {any[]} */ (data), from = spans[0].start_ms;
  const all = Math.max(...spans.map((s) => s.start_ms + s.duration_ms)) - from || 1;
  return html`<table class="small"><caption>${kind}: ${quantity(all, 'ms')}</caption><tbody>${spans.slice(0, 30).map((s) => html`<tr><td><${Text} value=${`${entityName(s.entity)} ${s.name}`} max=${48} expand=${false} />${s.is_error && html` <b>failed</b>`}</td>
    <td><svg width="200" height="8" aria-hidden="true"><rect x=${((s.start_ms - from) / all) * 200} width=${Math.max(1, (s.duration_ms / all) * 200)} height="8" fill="currentColor" /></svg></td><td>${quantity(s.duration_ms, 'ms')}</td></tr>`)}</tbody></table>`;
}

/** Calls to look at, and one from before to compare with. @param {{row: Evidence[], alerts: Map<string, Alert>}} props */
function Calls({ row, alerts }) {
  const labels = row.map((e) => alerts.get(e.ref)?.labels).find((l) => l?.trace_slow || l?.trace_failing) ?? {};
  const kinds = ['slow', 'failing', 'usual'].filter((kind) => labels[`trace_${kind}`]);
  const [open, setOpen] = useState(false);
  return kinds.length ? html`<details onToggle=${() => setOpen(true)}><summary>calls: ${kinds.join(', ')}</summary>${open && kinds.map((kind) => html`<${Waterfall} trace=${labels[`trace_${kind}`]} kind=${kind} />`)}</details>` : null;
}

/** At most six charts: a tired person reads no more. @param {{incident: Incident, alerts: Alert[], changes: import('../../types.d.ts').Change[]}} props */
export function EvidenceList({ incident, alerts, changes }) {
  const byId = new Map(alerts.map((a) => [a.id, a]));
  const near = changes.filter((c) => c.at_ms > incident.since_ms - BEFORE_MS);
  const drawn = new Set();
  const pieces = [...incident.evidence].sort((a, b) => b.weight - a.weight).slice(0, 40);
  if (!pieces.length) return html`<p class="muted">None was recorded.</p>`;
  const anySeries = pieces.some((e) => seriesOf(e, byId));
  return html`<ul class="evidence panel">${rowsOf(pieces, byId).map((row) => {
    const series = row.map((e) => seriesOf(e, byId)).find((id) => id && !drawn.has(id)) ?? '';
    const charts = series && drawn.size < 6;
    if (charts) drawn.add(series);
    return html`<li key=${row[0].id} data-row tabindex="-1">${row.map((e, i) => html`<${Line} key=${e.id} evidence=${e} alert=${byId.get(e.ref)} again=${i > 0} />`)}
      ${charts && html`<${SeriesChart} series=${series} incident=${incident} changes=${near} />`}<${Calls} row=${row} alerts=${byId} /></li>`;
  })}${!anySeries && html`<${Seen} key="seen" incident=${incident} alerts=${alerts} changes=${near} />`}</ul>`;
}
