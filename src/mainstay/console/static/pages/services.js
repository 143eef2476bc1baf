/** Services: what is watched and how it is; one of them with its neighbours; and what could not be placed. */
import { useState } from 'preact/hooks';
import { entityName, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { fold, timeless } from '../js/story.js';
import { Chart } from '../parts/chart.js';
import { Ago, Empty, EntityLink, PageHead, plain, Shown, State, Text, Version } from '../parts/words.js';

/** @typedef {import('../../types.d.ts').Entity} Entity */
/** @typedef {import('../../types.d.ts').Alert} Alert */

const ORDER = ['critical', 'major', 'minor', 'info'];

/** The worst alert that fires on each entity. @param {Alert[]} alerts @returns {Map<string, Alert>} */
function worst(alerts) {
  const found = new Map();
  for (const alert of alerts) {
    const old = found.get(alert.entity);
    if (alert.status === 'firing' && (!old || ORDER.indexOf(alert.severity) < ORDER.indexOf(old.severity))) found.set(alert.entity, alert);
  }
  return found;
}

/** @param {{alert: Alert | undefined}} props */
const Health = ({ alert }) => (alert ? html`<${State} is=${alert.severity} word=${plain(alert.name).slice(0, 60)} />` : html`<${State} is="ok" word="well" />`);

const TONE = /** @type {Record<string, string>} */ ({ healthy: 'ok', degraded: 'warn', unhealthy: 'bad', unknown: 'unknown' });

/** 0 to 100, and what takes points from it. @param {{of: any, alert: Alert | undefined}} props */
function Points({ of, alert }) {
  if (!of) return html`<${Health} alert=${alert} />`;
  return html`<${State} is=${TONE[of.status]} word=${`${of.health === null ? '' : `${of.health} · `}${of.status}`} />${of.reasons.length > 0 && html`<div class="small muted"><${Text} value=${of.reasons.map((/** @type {any} */ r) => `${r.points ? `−${Math.abs(r.points)} ` : ''}${r.says}`).join('; ')} max=${160} /></div>`}`;
}

/** @param {{entity: Entity, alert: Alert | undefined, of: any}} props */
const Row = ({ entity, alert, of }) => html`<tr data-row tabindex="-1"><td><a class="open" href=${to('services', entity.id)}><${Text} value=${entity.name || entityName(entity.id)} max=${80} expand=${false} /></a></td>
  <td><${Points} of=${of} alert=${alert} /></td><td class="nowrap" data-label="kind">${entity.kind}</td><td class="nowrap" data-label="environment"><${Text} value=${entity.environment} max=${40} /></td><td data-label="tier">${entity.tier ?? html`<span class="muted">–</span>`}</td><td data-label="owner"><${Text} value=${entity.owner ?? ''} max=${40} /></td></tr>`;

/** @param {any} row @returns {[string, string][]} */
const pairs = (row) => (Array.isArray(row) ? row : Object.entries(row.labels ?? row));

function Unplaced() {
  const held = useData('/unplaced');
  const rows = items(held.data);
  if (!rows.length) return null;
  return html`<section class="section"><h2>Unplaced · ${rows.length}</h2><p class="sentence">These label sets belong to no entity, so nothing is concluded from them. Correct the mapping; <code>mainstay entities explain</code> says which rule applies.</p>
    <div class="table-scroll"><table><tbody>${rows.slice(-200).map((row) => html`<tr><td class="mono"><${Text} value=${pairs(row).map(([k, v]) => `${k}=${v}`).join('  ')} max=${240} /></td></tr>`)}</tbody></table></div></section>`;
}

export function Services() {
  const held = useData('/entities'), alerts = useData('/alerts?status=firing&limit=1000');
  const health = new Map(items(useData('/services?limit=1000').data).map((one) => [one.entity, one]));
  return html`<${Shown} held=${held} what="services">${(/** @type {any} */ data) => {
    const bad = worst(items(alerts.data));
    const rows = [...items(data)].sort((a, b) => Number(bad.has(b.id)) - Number(bad.has(a.id)) || (health.get(a.id)?.health ?? 100) - (health.get(b.id)?.health ?? 100) || (a.tier ?? 9) - (b.tier ?? 9) || a.name.localeCompare(b.name));
    return html`<${PageHead} title="Services" sentence=${html`<b>${plural(rows.length, 'entity', 'entities')}</b> known; <b>${bad.size ? `${bad.size} with an alert` : 'all of them well'}</b>.`}><a href=${to('outlook')}>What is ahead</a><//>
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Name</th><th>Health</th><th>Kind</th><th>Environment</th><th>Tier</th><th>Owner</th></tr></thead><tbody>${rows.slice(0, 500).map((e) => html`<${Row} key=${e.id} entity=${e} alert=${bad.get(e.id)} of=${health.get(e.id)} />`)}</tbody></table></div>${rows.length > 500 && html`<p class="muted">${rows.length - 500} more are not shown.</p>`}`
        : html`<div class="panel"><${Empty} title="Nothing has been heard of yet"><p>Entities appear with their first signal. <code>mainstay connect otel</code> prints what to paste.</p><//></div>`}
      <${Unplaced} />`;
  }}<//>`;
}

/** Neighbours in words: a list is read faster than a graph. @param {{title: string, ids: string[], bad: Map<string, Alert>}} props */
const Neighbours = ({ title, ids, bad }) => html`<section><h2>${title} · ${ids.length}</h2><ul>${ids.slice(0, 30).map((id) => html`<li><${EntityLink} id=${id} /> <${Health} alert=${bad.get(id)} /></li>`)}${ids.length === 0 && html`<li class="muted">none known</li>`}</ul></section>`;

/** @param {{id: string}} props */
export function ServicePage({ id }) {
  const held = useData(`/entities/${encodeURIComponent(id)}`), alerts = useData('/alerts?status=firing&limit=1000');
  return html`<p><a href=${to('services')}>Services</a></p><${Shown} held=${held} what="service">${(/** @type {any} */ data) => {
    const entity = /** @type {Entity} */ (data.entity), bad = worst(items(alerts.data));
    const firing = data.alerts.filter((/** @type {Alert} */ a) => a.status === 'firing').length;
    return html`<${PageHead} title=${html`<${Text} value=${entity.name} max=${120} />`} sentence=${html`${entity.kind}${entity.environment && ` in ${plain(entity.environment)}`}${entity.tier ? `, tier ${entity.tier}` : ''}${entity.owner ? `, owned by ${plain(entity.owner)}` : ''}; <b>${firing ? plural(firing, 'alert fires', 'alerts fire') : 'no alert fires'}</b>.`} />
      <div class="neighbours"><${Neighbours} title="Called by" ids=${data.callers} bad=${bad} /><${Neighbours} title="Depends on" ids=${data.callees} bad=${bad} /></div>
      <section class="section"><h2>Alerts</h2><${AlertTable} alerts=${data.alerts} /></section>
      <section class="section"><h2>Changes</h2>${data.changes.length ? html`<ul>${data.changes.map((/** @type {import('../../types.d.ts').Change} */ c) => html`<li><${Ago} ms=${c.at_ms} /> <span class="strong">${c.kind}</span> <${Text} value=${`${c.version} ${c.summary}`} max=${160} /></li>`)}</ul>` : html`<p class="muted">None known.</p>`}</section>
      <section class="section"><h2>Series · ${data.series.length}</h2><${SeriesList} all=${data.series} /></section>`;
  }}<//>`;
}

/** @typedef {import('../../types.d.ts').SeriesView} SeriesView */

/** Its series by name; a chart when one is opened. @param {{all: SeriesView[]}} props */
function SeriesList({ all }) {
  const [shown, setShown] = useState('');
  if (!all.length) return html`<p class="muted">None.</p>`;
  return html`<ul class="series">${all.slice(0, 100).map((one) => html`<li key=${one.id}><button type="button" class="link" aria-expanded=${shown === one.id} onClick=${() => setShown(shown === one.id ? '' : one.id)}><${Text} value=${one.metric} max=${100} expand=${false} /></button> <span class="small muted mono"><${Text} value=${Object.entries(one.labels).map(([k, v]) => `${k}=${v}`).join(' ')} max=${120} expand=${false} /></span>
    ${shown === one.id && html`<${LastHour} series=${one} />`}</li>`)}</ul>${all.length > 100 && html`<p class="muted">${all.length - 100} more are not shown.</p>`}`;
}

/** @param {{series: SeriesView}} props */
function LastHour({ series }) {
  const held = useData(`/series/${series.id}/points`);
  return html`<${Shown} held=${held} what="the last hour">${(/** @type {any} */ points) => html`<${Chart} points=${points} unit=${points.unit} name=${series.metric} marks=${NONE} />`}<//>`;
}
/** @type {import('../parts/chart.js').Mark[]} */
const NONE = [];

/** @param {Alert} a */
const says = (a) => (a.suppressed ? `not paged: ${a.suppressed_why}` : timeless(a.summary));

/** One condition: the worst of its statistics and label sets, and the others on request. @param {{row: Alert[]}} props */
function AlertRow({ row }) {
  const [a, ...others] = row, firing = row.filter((one) => one.status === 'firing').length;
  const word = !firing ? 'resolved' : firing < row.length ? `${a.severity}, ${firing} of ${row.length} firing` : `${a.severity}, firing`;
  return html`<tr data-row tabindex="-1"><td><a class="open strong" href=${to('alerts', a.id)}><${Text} value=${a.name} max=${120} expand=${false} /></a>${others.length > 0 && html` <span class="chip">×${row.length}</span>`}${says(a) && html`<div class="small muted"><${Text} value=${says(a)} max=${200} /></div>`}
      ${others.length > 0 && html`<details class="small"><summary>${others.length} more of the same</summary><ul class="lines">${others.slice(0, 40).map((one) => html`<li><${Text} value=${timeless(one.summary) || one.name} max=${160} /></li>`)}</ul></details>`}</td>
    <td><${State} is=${firing ? a.severity : 'resolved'} word=${word} /></td><td><${EntityLink} id=${a.entity} /></td><td class="nowrap"><${Ago} ms=${Math.min(...row.map((one) => one.since_ms))} /></td><td><${Version} of=${a.decided_by} /></td></tr>`;
}

/** @param {{alerts: Alert[]}} props */
export function AlertTable({ alerts }) {
  if (!alerts.length) return html`<p class="muted">None.</p>`;
  const rows = fold(alerts);
  return html`<div class="table-scroll"><table class="stack"><thead><tr><th>Alert</th><th>State</th><th>Where</th><th>Since</th><th>Decided by</th></tr></thead><tbody>${rows.slice(0, 300).map((row) => html`<${AlertRow} key=${row.map((a) => a.id).sort()[0]} row=${row} />`)}</tbody></table></div>`;
}
