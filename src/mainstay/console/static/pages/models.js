/** Models: which version decides what, how good its decisions were, and the way back. */
import { may, send } from '../js/api.js';
import { count, percent, plural, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, refresh, useData } from '../js/store.js';
import { Ask, show } from '../parts/dialog.js';
import { Ago, Empty, PageHead, plain, Shown, Since, State, Text, Version } from '../parts/words.js';
import { Production } from './production.js';

/** @typedef {import('../../types.d.ts').ModelVersion} ModelVersion */
/** @typedef {import('../../types.d.ts').Deployment} Deployment */

/** What each kind of model decides, in an operator's words. */
export const DECIDES = /** @type {Record<string, string>} */ ({
  metrics: 'which metrics are strange', logs: 'which log lines are new or too many', edges: 'which calls are slow or failing',
  correlator: 'which alerts are one incident', diagnoser: 'what the cause is', planner: 'which runbook fits',
  entities: 'which services are unlike themselves', predictions: 'which of your own models changed', forecaster: 'what fills up next',
});

/** @param {{what: string, value: any, says: any}} props */
export const Figure = ({ what, value, says }) => html`<div><span class="muted">${what}</span><span class="value">${value}</span><span class="small muted">${says}</span></div>`;

/** Where a deployment holds. @param {string} scope */
export const scopeWords = (scope) => (scope === '*' ? 'everywhere' : `in ${plain(scope.slice(0, 80))}`);

/** A share with what it rests on: never a bare percentage, and none while there are too few. @param {{what: string, rate: import('../../types.d.ts').Rate | undefined, says?: string}} props */
export function Share({ what, rate, says = '' }) {
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
export const scoreOf = (scores, ref) => ref && scores.find((score) => versionName(score.ref) === versionName(ref));

/** Who runs beside the live version, and with what say. @param {{of: Deployment, agreement: any}} props */
function Beside({ of, agreement }) {
  const part = of.share < 1 ? ` on ${percent(of.share)}` : '';
  return html`${of.canary && html`<div><${Version} of=${of.canary} /> <${State} is="warn" word=${`canary${part}`} /></div>`}
    ${of.shadow && html`<div><${Version} of=${of.shadow} /> <${State} is="shadow" word=${`shadow${of.canary ? '' : part}`} /><div class="small muted">${agreementWords(agreement)}</div></div>`}`;
}

/** @param {{row: any}} props */
function ModelRow({ row }) {
  const deployment = /** @type {Deployment | null} */ (row.deployment);
  const held = /** @type {Deployment[]} */ (items(row.deployments)), beside = held.filter((d) => d.canary || d.shadow);
  const score = scoreOf(items(row.scorecard), (deployment ?? held[0])?.live);
  return html`<tr data-row tabindex="-1"><td><a class="open" href=${to('models', row.name)}>${row.name}</a><div class="small muted">${DECIDES[row.kind] ?? row.kind}</div></td>
    <td data-label="live">${held.length ? held.map((d) => html`<div><${Version} of=${d.live} /> <span class="small muted">${scopeWords(d.scope)} <${Since} ms=${d.since_ms} /></span></div>`) : html`<span class="muted">not serving</span>`}</td>
    <td data-label="challenger">${beside.length ? beside.map((d) => html`<${Beside} of=${d} agreement=${row.agreement} />`) : html`<span class="muted">none</span>`}</td>
    <td data-label="before">${deployment?.previous ? html`<${Version} of=${deployment.previous} />` : html`<span class="muted">–</span>`}</td>
    <td data-label="precision" class="num">${typeof score?.precision.value === 'number' ? html`${score.precision.value.toFixed(2)}<div class="small muted">n = ${count(score.precision.n)}</div>` : html`<span class="muted">${score?.precision.n ? `${score.precision.hits} of ${score.precision.n} right` : 'no verdicts'}</span>`}</td></tr>`;
}

export function Models() {
  const held = useData('/models');
  return html`<${Shown} held=${held} what="models">${(/** @type {any} */ data) => {
    const rows = items(data);
    const all = /** @type {Deployment[]} */ (rows.flatMap((row) => items(row.deployments)));
    const shadows = all.filter((d) => d.shadow).length, canaries = all.filter((d) => d.canary).length;
    return html`<${PageHead} title="Models" sentence=${html`<b>${plural(rows.length, 'model')}</b> decide; <b>${shadows ? plural(shadows, 'shadow') : 'no shadow'}</b> ${shadows === 1 ? 'runs' : 'run'} beside them without a say${canaries ? html`, <b>${plural(canaries, 'canary', 'canaries')}</b> with a share of it` : ''}. Each decision names its version.`} />
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Model</th><th>Live</th><th>Challenger</th><th>Before</th><th class="num">Precision</th></tr></thead><tbody>${rows.map((row) => html`<${ModelRow} key=${row.name} row=${row} />`)}</tbody></table></div>` : html`<div class="panel"><${Empty} title="No model is deployed"><p>The first start deploys the shipped ones; the health page says why it did not.</p><//></div>`}
      <${Production} />`;
  }}<//>`;
}

const again = () => refresh((path) => path.startsWith('/models') || path.startsWith('/rollouts'));

/** @param {string} name @param {Deployment} deployment */
export function askRollback(name, deployment) {
  const act = async () => {
    await send('POST', `/models/${encodeURIComponent(name)}/rollback${deployment.scope === '*' ? '' : `?where=${encodeURIComponent(deployment.scope)}`}`);
    again();
  };
  show(() => html`<${Ask} title=${`Roll back ${name}?`} submit="Roll back" danger=${true} act=${act} done="Rolled back: it decides from the next batch on.">
    <p>${scopeWords(deployment.scope)}: <${Version} of=${deployment.canary ?? deployment.live} /> stops deciding; <${Version} of=${deployment.canary ? deployment.live : deployment.previous} /> decides from the next batch on. What was decided so far stays in the ledger under the version that decided it.</p><//>`);
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

/** What a version is anywhere, the weightiest first. @param {ModelVersion} version @param {Deployment[]} held */
export function roleOf(version, held) {
  const is = (/** @type {any} */ ref) => ref && ref.model === version.ref.model && ref.version === version.ref.version;
  const roles = /** @type {const} */ (['live', 'canary', 'shadow', 'previous']);
  const role = roles.find((one) => held.some((d) => is(d[one])));
  return role === 'previous' ? 'before' : role ?? '';
}

/** @param {{version: ModelVersion, role: string, name: string, score: any}} props */
export function VersionRow({ version, role, name, score }) {
  const admin = may('admin');
  return html`<tr data-row tabindex="-1"><td><span class="mono strong">${versionName(version.ref)}</span><div class="small muted"><${Text} value=${version.why} max=${160} /></div></td>
    <td>${role ? html`<${State} is=${role} />` : html`<span class="muted">not serving</span>`}</td>
    <td data-label="algorithm">${version.algorithm}<div class="small muted">${Object.keys(version.parameters).length ? html`<details><summary>${plural(Object.keys(version.parameters).length, 'parameter')}</summary><pre class="json">${JSON.stringify(version.parameters, null, 1)}</pre></details>` : ''}</div></td>
    <td data-label="verdicts">${score?.precision.n ? html`${score.precision.hits} of ${score.precision.n} right` : html`<span class="muted">none</span>`}</td>
    <td data-label="artefact"><code title=${version.artefact}>${version.artefact.slice(0, 12)}</code><div class="small muted"><${Ago} ms=${version.created_ms} /> by <${Text} value=${version.created_by} max=${40} /></div></td>
    <td class="nowrap">${admin && role !== 'live' && html`<button class="button quiet small" onClick=${() => askDeploy(name, version, 'live')}>Make live…</button>`}${admin && !role && html`<button class="button quiet small" onClick=${() => askDeploy(name, version, 'shadow')}>Shadow…</button>`}</td></tr>`;
}
