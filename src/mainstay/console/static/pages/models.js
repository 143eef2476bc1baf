/** Models: which version decides what, how good its decisions were, and the way back. */
import { may, send } from '../js/api.js';
import { count, percent, plural, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, refresh, useData } from '../js/store.js';
import { Ask, show } from '../parts/dialog.js';
import { Ago, Empty, PageHead, plain, Shown, Since, State, Text, Version } from '../parts/words.js';

/** @typedef {import('../../types.d.ts').ModelVersion} ModelVersion */
/** @typedef {import('../../types.d.ts').Deployment} Deployment */

/** What each kind of model decides, in an operator's words. */
const DECIDES = /** @type {Record<string, string>} */ ({
  metrics: 'which metrics are strange', logs: 'which log lines are new or too many', edges: 'which calls are slow or failing',
  correlator: 'which alerts are one incident', diagnoser: 'what the cause is', planner: 'which runbook fits',
});

/** A share with what it rests on: never a bare percentage, and none while there are too few. @param {{what: string, rate: import('../../types.d.ts').Rate | undefined, says?: string}} props */
function Share({ what, rate, says = '' }) {
  if (!rate || rate.value === null || rate.low === null || rate.high === null) return html`<${Figure} what=${what} value="–" says=${rate?.n ? `too few to say: ${rate.hits} of ${rate.n}` : 'no verdicts yet'} />`;
  const { value, low, high, n } = rate;
  return html`<div><span class="muted">${what}</span><span class="value">${value.toFixed(2)}</span>
    <span class="interval" aria-hidden="true"><i style=${{ left: `${low * 100}%`, right: `${100 - high * 100}%` }}></i><b style=${{ left: `${value * 100}%` }}></b></span>
    <span class="small muted">${low.toFixed(2)}–${high.toFixed(2)} (95 %), n = ${count(n)}${says}</span></div>`;
}

/** How the shadow compares with the live version: the share that is the same, of how many. @param {any} told */
export function agreementWords(told) {
  const a = told?.agreement && typeof told.agreement === 'object' ? told.agreement : told;
  if (a?.errors) return `failed: ${plain(String(a.error)).slice(0, 80)}`;
  if (typeof a?.agreement !== 'number') return 'nothing to compare yet';
  const of = a.decisions || a.both_alerts + a.live_only + a.shadow_only;
  return `${percent(a.agreement)} the same of ${count(of)}`;
}

/** What verdicts and outcomes say of a version. @param {any[]} scores @param {import('../../types.d.ts').VersionRef | undefined} ref @returns {import('../../types.d.ts').Score | undefined} */
const scoreOf = (scores, ref) => ref && scores.find((score) => versionName(score.ref) === versionName(ref));

/** @param {{row: any}} props */
function ModelRow({ row }) {
  const deployment = /** @type {Deployment | null} */ (row.deployment);
  const score = scoreOf(items(row.scorecard), deployment?.live);
  return html`<tr data-row tabindex="-1"><td><a class="open" href=${to('models', row.name)}>${row.name}</a><div class="small muted">${DECIDES[row.kind] ?? row.kind}</div></td>
    <td data-label="live">${deployment ? html`<${Version} of=${deployment.live} /><div class="small muted"><${Since} ms=${deployment.since_ms} /></div>` : html`<span class="muted">not serving</span>`}</td>
    <td data-label="shadow">${deployment?.shadow ? html`<${Version} of=${deployment.shadow} /><div class="small muted">${agreementWords(row.agreement)}</div>` : html`<span class="muted">none</span>`}</td>
    <td data-label="before">${deployment?.previous ? html`<${Version} of=${deployment.previous} />` : html`<span class="muted">–</span>`}</td>
    <td data-label="precision" class="num">${typeof score?.precision.value === 'number' ? html`${score.precision.value.toFixed(2)}<div class="small muted">n = ${count(score.precision.n)}</div>` : html`<span class="muted">${score?.precision.n ? `${score.precision.hits} of ${score.precision.n} right` : 'no verdicts'}</span>`}</td></tr>`;
}

export function Models() {
  const held = useData('/models');
  return html`<${Shown} held=${held} what="models">${(/** @type {any} */ data) => {
    const rows = items(data);
    const shadows = rows.filter((row) => row.deployment?.shadow).length;
    return html`<${PageHead} title="Models" sentence=${html`<b>${plural(rows.length, 'model')}</b> decide; <b>${shadows ? plural(shadows, 'shadow') : 'no shadow'}</b> ${shadows === 1 ? 'runs' : 'run'} beside them without a say. Each decision names its version.`} />
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Model</th><th>Live</th><th>Shadow</th><th>Before</th><th class="num">Precision</th></tr></thead><tbody>${rows.map((row) => html`<${ModelRow} key=${row.name} row=${row} />`)}</tbody></table></div>` : html`<div class="panel"><${Empty} title="No model is deployed" /></div>`}`;
  }}<//>`;
}

const again = () => refresh((path) => path.startsWith('/models'));

/** @param {string} name @param {Deployment} deployment */
function askRollback(name, deployment) {
  const act = async () => {
    await send('POST', `/models/${encodeURIComponent(name)}/rollback`);
    again();
  };
  show(() => html`<${Ask} title=${`Roll back ${name}?`} submit="Roll back" danger=${true} act=${act} done="Rolled back: it decides from the next batch on.">
    <p><${Version} of=${deployment.live} /> stops deciding; <${Version} of=${deployment.previous} /> decides from the next batch on. What was decided so far stays in the ledger under the version that decided it.</p><//>`);
}

/** @param {string} name @param {ModelVersion} version @param {'live' | 'shadow'} role */
function askDeploy(name, version, role) {
  const act = async () => {
    await send('POST', `/models/${encodeURIComponent(name)}/deploy`, { version: version.ref.version, role });
    again();
  };
  show(() => html`<${Ask} title=${role === 'live' ? `Let ${versionName(version.ref)} decide?` : `Let ${versionName(version.ref)} shadow?`} submit=${role === 'live' ? 'Make live' : 'Make shadow'} act=${act} done=${`${versionName(version.ref)} becomes ${role} with the next batch.`}>
    <p>${role === 'live' ? 'It decides from the next batch on; the version now live is kept for a roll back.' : 'It scores beside the live version and is compared with it. It never alerts.'}</p><//>`);
}

/** @param {ModelVersion} version @param {Deployment | undefined} deployment */
function roleOf(version, deployment) {
  const is = (/** @type {any} */ ref) => ref && ref.model === version.ref.model && ref.version === version.ref.version;
  if (is(deployment?.live)) return 'live';
  if (is(deployment?.shadow)) return 'shadow';
  return is(deployment?.previous) ? 'before' : '';
}

/** @param {{version: ModelVersion, role: string, name: string, score: any}} props */
function VersionRow({ version, role, name, score }) {
  const admin = may('admin');
  return html`<tr data-row tabindex="-1"><td><span class="mono strong">${versionName(version.ref)}</span><div class="small muted"><${Text} value=${version.why} max=${160} /></div></td>
    <td>${role ? html`<${State} is=${role} />` : html`<span class="muted">not serving</span>`}</td>
    <td data-label="algorithm">${version.algorithm}<div class="small muted">${Object.keys(version.parameters).length ? html`<details><summary>${plural(Object.keys(version.parameters).length, 'parameter')}</summary><pre class="json">${JSON.stringify(version.parameters, null, 1)}</pre></details>` : ''}</div></td>
    <td data-label="verdicts">${score?.precision.n ? html`${score.precision.hits} of ${score.precision.n} right` : html`<span class="muted">none</span>`}</td>
    <td data-label="artefact"><code title=${version.artefact}>${version.artefact.slice(0, 12)}</code><div class="small muted"><${Ago} ms=${version.created_ms} /> by <${Text} value=${version.created_by} max=${40} /></div></td>
    <td class="nowrap">${admin && role !== 'live' && html`<button class="button quiet small" onClick=${() => askDeploy(name, version, 'live')}>Make live…</button>`}${admin && !role && html`<button class="button quiet small" onClick=${() => askDeploy(name, version, 'shadow')}>Shadow…</button>`}</td></tr>`;
}

/** @param {{name: string}} props */
export function ModelPage({ name }) {
  const held = useData(`/models/${encodeURIComponent(name)}`);
  return html`<${Shown} held=${held} what=${name}>${(/** @type {any} */ data) => html`<${ModelBody} name=${name} data=${data} />`}<//>`;
}

/** @param {{what: string, value: any, says: any}} props */
const Figure = ({ what, value, says }) => html`<div><span class="muted">${what}</span><span class="value">${value}</span><span class="small muted">${says}</span></div>`;

/** @param {{name: string, data: any}} props */
function ModelBody({ name, data }) {
  const versions = /** @type {ModelVersion[]} */ ([...data.versions]).sort((a, b) => b.ref.version - a.ref.version);
  const deployment = /** @type {Deployment | null} */ (data.deployment);
  const scores = items(data.scorecard), live = scoreOf(scores, deployment?.live);
  const alerts = items(useData('/alerts?limit=1000').data), week = Date.now() - 7 * 86_400_000;
  const raised = alerts.filter((a) => a.decided_by.model === name && a.since_ms > week);
  const shadow = deployment?.shadow ? agreementWords(data.agreement) : '';
  return html`<p><a href=${to('models')}>Models</a></p>
    <${PageHead} title=${name} sentence=${deployment ? html`<b>${versionName(deployment.live)}</b> decides ${DECIDES[data.kind] ?? ''}, <${Since} ms=${deployment.since_ms} />${deployment.shadow ? html`; <b>${versionName(deployment.shadow)}</b> is its shadow` : '; no shadow runs'}.` : 'Not deployed.'}>
      ${deployment?.previous && may('responder') && html`<button class="button danger" onClick=${() => askRollback(name, deployment)}>Roll back to ${versionName(deployment.previous)}…</button>`}<//>
    <section class="panel"><div class="figures">
      <${Share} what="Precision" rate=${live?.precision} />
      <${Share} what="Recall" rate=${live?.recall} says=${live?.missed ? `, ${count(live.missed)} missed` : ''} />
      <${Figure} what="Alerts, last 7 days" value=${count(raised.length)} says=${`${count(raised.filter((a) => a.suppressed).length)} of them not paged${alerts.length === 1000 ? '; of the last 1,000 in all' : ''}`} />
      <${Figure} what="Shadow against live" value=${shadow ? shadow.split(' the same')[0] : '–'} says=${shadow || 'no shadow'} /></div></section>
    <section class="section"><h2>Versions</h2><div class="table-scroll"><table class="stack"><thead><tr><th>Version</th><th>Role</th><th>Algorithm</th><th>Verdicts</th><th>Artefact</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
      <tbody>${versions.map((v) => html`<${VersionRow} key=${v.ref.version} version=${v} role=${roleOf(v, deployment ?? undefined)} name=${name} score=${scoreOf(scores, v.ref)} />`)}</tbody></table></div></section>`;
}
