/** Evidence: each piece has an id that suspects and summary cite, and a picture where there is one. */
import { quantity } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { useData } from '../js/store.js';
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

/** @param {{evidence: Evidence, incident: Incident, alerts: Map<string, Alert>, changes: import('../../types.d.ts').Change[], charts: boolean}} props */
function Piece({ evidence, incident, alerts, changes, charts }) {
  const series = charts ? seriesOf(evidence, alerts) : '';
  const alert = alerts.get(evidence.ref);
  const band = alert?.band;
  return html`<li id=${`evidence-${evidence.id}`} tabindex="-1" data-row>
    <div class="line"><span class="cite">${evidence.id}</span><span><span class="muted">${evidence.kind}</span> <${Text} value=${evidence.says} max=${300} />
      ${band && html`<span class="muted"> · ${quantity(band.value, band.unit)}, expected ${quantity(band.low, band.unit)} to ${quantity(band.high, band.unit)}</span>`} ${alert && html`<${Version} of=${alert.decided_by} />`}</span>
      <span class="muted at"><${At} ms=${evidence.at_ms} seconds=${true} /></span></div>
    ${series && html`<${SeriesChart} series=${series} incident=${incident} changes=${changes} />`}</li>`;
}

/** At most six charts: a tired person reads no more. @param {{incident: Incident, alerts: Alert[], changes: import('../../types.d.ts').Change[]}} props */
export function EvidenceList({ incident, alerts, changes }) {
  const byId = new Map(alerts.map((a) => [a.id, a]));
  const near = changes.filter((c) => c.at_ms > incident.since_ms - BEFORE_MS);
  const drawn = new Set();
  const pieces = [...incident.evidence].sort((a, b) => b.weight - a.weight).slice(0, 40);
  if (!pieces.length) return html`<p class="muted">None was recorded.</p>`;
  return html`<ul class="evidence">${pieces.map((e) => {
    const series = seriesOf(e, byId);
    const charts = Boolean(series) && !drawn.has(series) && drawn.size < 6;
    if (charts) drawn.add(series);
    return html`<${Piece} key=${e.id} evidence=${e} incident=${incident} alerts=${byId} changes=${near} charts=${charts} />`;
  })}</ul>`;
}
