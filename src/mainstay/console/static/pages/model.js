/** One model: who decides where, what is on its way and what it still has to show, whether it stands, and where it comes from. */
import { getText, may } from '../js/api.js';
import { count, percent, plural, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { useEffect, useState } from 'preact/hooks';
import { Ago, At, Empty, PageHead, Shown, Since, State, Text } from '../parts/words.js';
import { agreementWords, askRollback, DECIDES, Figure, scopeWords, scoreOf, Share, VersionRow, roleOf } from './models.js';

/** @typedef {import('../../types.d.ts').ModelVersion} ModelVersion */
/** @typedef {import('../../types.d.ts').Deployment} Deployment */

const STAGES = /** @type {Record<string, [string, string]>} */ ({
  shadow: ['shadow', 'runs in shadow: it is compared and decides nothing'], canary: ['warn', 'canary: it decides about a share'], live: ['live', 'live'],
  rolled_back: ['warn', 'rolled back'], refused: ['bad', 'refused'],
});
const VERDICTS = /** @type {Record<string, [string, string]>} */ ({ passed: ['ok', 'gate passed'], failed: ['bad', 'gate failed'], not_enough: ['', 'not enough shown yet'] });
const UNDER_WAY = ['shadow', 'canary'];

/** @param {any} e what both versions found since the stage began */
function seen(e) {
  const found = e.both + e.champion_only + e.challenger_only;
  const words = e.decisions ? [`${count(e.same)} of ${count(e.decisions)} decisions the same`] : [];
  if (found || !e.decisions) words.push(`found by both ${count(e.both)}, only by the champion ${count(e.champion_only)}, only by the challenger ${count(e.challenger_only)}`);
  if (e.champion_pages || e.challenger_pages) words.push(`pages ${count(e.champion_pages)} and ${count(e.challenger_pages)}`);
  if (e.faults) words.push(`of ${plural(e.faults, 'replayed fault')} champion ${count(e.champion_faults)}, challenger ${count(e.challenger_faults)}`);
  if (e.errors) words.push(plural(e.errors, 'error'));
  return `${words.join(' · ')}.`;
}

/** @param {{one: any, gate: any, window_s: number}} props */
function RolloutLine({ one, gate, window_s }) {
  const [tone, words] = STAGES[one.stage] ?? ['', one.stage];
  const [verdictTone, verdict] = VERDICTS[one.result?.verdict] ?? ['', ''];
  const moving = UNDER_WAY.includes(one.stage), needs = gate?.windows ?? 0;
  return html`<li><p><span class="mono strong">${versionName(one.challenger)}</span> against <span class="mono">${versionName(one.champion)}</span> ${scopeWords(one.scope)} <${State} is=${tone} word=${words} /> <span class="muted small"><${Since} ms=${one.stage_since_ms} /></span></p>
    ${moving && needs > 0 && html`<p class="progress"><progress max=${needs} value=${Math.min(one.windows, needs)} aria-label="evaluation windows"></progress> <span class="small">${count(one.windows)} of ${plural(needs, 'window')}${window_s ? ` of ${count(window_s)} s` : ''} · then the gate decides</span></p>`}
    ${one.says && html`<p><${Text} value=${one.says} /></p>`}
    ${one.result && html`<p><${State} is=${verdictTone} word=${verdict} /></p><ul class="reasons">${items(one.result.reasons).map((r) => html`<li><${Text} value=${r} /></li>`)}</ul>`}
    <p class="small muted">${seen(one.evidence)} ${one.change} change by <${Text} value=${one.by || 'mainstay'} max=${40} />${one.validator ? html`, allowed by <${Text} value=${one.validator} max=${40} />` : moving && one.change === 'normal' ? ', not yet allowed to go live by another person' : ''}${one.why ? html`: <${Text} value=${one.why} max=${160} />` : ''}</p></li>`;
}

/** @param {{kind: string, name: string}} props */
function Rollouts({ kind, name }) {
  const held = useData('/rollouts'), policy = useData('/gate-policy').data?.in_force;
  return html`<section class="section"><h2>On its way</h2><${Shown} held=${held} what="rollouts">${(/** @type {any} */ data) => {
    const mine = items(data).filter((one) => one.kind === kind && one.challenger.model === name);
    if (!mine.length) return html`<div class="panel"><${Empty} title="No version is on its way"><p>A training or <code>mainstay models rollout</code> sends one: first as a shadow, then as a canary, then live, past gates.</p><//></div>`;
    return html`<ul class="panel evidence">${mine.slice(0, 10).map((one) => html`<${RolloutLine} key=${one.id} one=${one} gate=${policy?.[one.stage]} window_s=${policy?.window_s ?? 0} />`)}</ul>`;
  }}<//></section>`;
}

/** Whether it stands, how risky it is to rely on, and what has drifted. @param {{path: string, name: string, kind: string}} props */
function Health({ path, name, kind }) {
  const standing = useData(`${path}/standing`), risk = useData(`${path}/risk`).data, drift = useData('/models-drift').data;
  const found = items(drift?.findings).filter((one) => one.version.model === name), figures = drift?.kinds?.[kind];
  return html`<section class="section"><h2>Health</h2><div class="panel body"><${Shown} held=${standing} what="health">${(/** @type {any} */ s) => html`
    <p><${State} is=${s.is_sound ? 'ok' : 'bad'} word=${s.is_sound ? 'It stands' : 'It does not stand: plans that rest on it ask a person'} /></p>
    ${s.says.length > 0 && html`<ul class="reasons">${s.says.map((/** @type {string} */ w) => html`<li><${Text} value=${w} /></li>`)}</ul>`}`}<//>
    ${risk && html`<p><b>Risk ${risk.value} of 100</b>${risk.value ? ' = ' : ''}${risk.parts.map((/** @type {any} */ p, /** @type {number} */ i) => html`${i ? ' + ' : ''}<b>${p.points}</b> <${Text} value=${p.says} max=${120} />`)}</p>`}
    ${found.length ? html`<ul class="reasons">${found.slice(0, 12).map((f) => html`<li key=${f.id}><${State} is=${f.ended_ms === null ? 'warn' : 'ok'} word=${f.ended_ms === null ? 'drifting' : 'over'} /> <${Text} value=${f.says} /> <span class="small muted">${f.measure.replace('_', ' ')}, <${Ago} ms=${f.since_ms} />${f.impact.asks === 'retrain' ? '; a retrain would help' : f.impact.asks === 'look' ? '; a person should look' : ''}</span>
      ${f.impact.retrain && html`<div class="small muted"><${Text} value=${f.impact.retrain} /></div>`}</li>`)}</ul>`
      : html`<p class="muted">${figures && !Object.keys(figures.sources ?? {}).length ? 'Nothing to compare yet: drift is told after two spans of data.' : 'No drift has been found.'}</p>`}</div></section>`;
}

/** @param {{path: string}} props */
function Lineage({ path }) {
  return html`<section class="section"><h2>Lineage</h2><${Shown} held=${useData(`${path}/lineage?limit=20`)} what="lineage">${(/** @type {any} */ l) => {
    const caused = Object.entries(l.caused);
    const steps = [
      ['Data', l.dataset ? html`${plural(l.dataset.row_count, 'row')}<div class="small muted"><code>${l.dataset.digest.slice(0, 12)}</code> <${At} ms=${l.dataset.since_ms} /> to <${At} ms=${l.dataset.until_ms} /></div>` : 'None: priors set by hand'],
      ['Experiment', l.experiment ? html`${plural(l.experiment.trials.length, 'trial')}<div class="small muted">${l.experiment.id.slice(0, 40)}</div>` : 'None'],
      ['Version', html`<b>${versionName(l.version)}</b><div class="small muted">${l.parents.length ? `from ${l.parents.map(versionName).join(', ')}` : 'has no parent'}${l.children.length ? ` · ${plural(l.children.length, 'child', 'children')}` : ''}</div>`],
      ['Deployed', l.deployments.length ? html`${l.deployments.slice(0, 3).map((/** @type {any} */ d) => html`<div>${d.role || 'served'} ${scopeWords(d.scope ?? '*')} <span class="small muted"><${Ago} ms=${d.at_ms} /></span></div>`)}${l.deployments.length > 3 ? html`<div class="small muted">and ${l.deployments.length - 3} more</div>` : ''}` : 'Never'],
      ['Caused', caused.length ? caused.map(([kind, n]) => html`<div>${count(Number(n))} × ${kind}</div>`) : 'Nothing yet'],
    ];
    return html`<ol class="lineage">${steps.map(([what, is]) => html`<li><span class="small muted">${what}</span><div>${is}</div></li>`)}</ol>`;
  }}<//></section>`;
}

/** @param {{name: string}} props */
function Experiments({ name }) {
  const held = useData(`/models/${encodeURIComponent(name)}/experiments`);
  return html`<section class="section"><h2>Experiments</h2><${Shown} held=${held} what="experiments">${(/** @type {any} */ data) => (items(data).length ? items(data).slice(0, 5).map((one) => html`<details class="panel body" key=${one.id}><summary>${one.version ? html`<b>${versionName(one.version)}</b>` : 'no new version'} · ${plural(one.trials.length, 'trial')} · ${plural(one.snapshot.row_count, 'row')} · <${Ago} ms=${one.at_ms} /></summary>
      <p><${Text} value=${one.says || one.why} /></p>${!one.quality.passed && html`<ul class="reasons">${one.quality.problems.map((/** @type {string} */ p) => html`<li><${Text} value=${p} /></li>`)}</ul>`}
      <div class="table-scroll"><table><thead><tr><th class="num">Rank</th><th class="num">Loss</th><th>What was turned</th></tr></thead><tbody>${[...one.trials].sort((a, b) => (a.rank || 1e9) - (b.rank || 1e9)).slice(0, 20).map((t) => html`<tr><td class="num">${t.rank || '–'}</td><td class="num">${typeof t.metrics.loss === 'number' ? t.metrics.loss.toPrecision(4) : '–'}</td><td class="small">${t.number === 0 ? 'as it serves now' : Object.entries(t.knobs).map(([k, v]) => `${k} ${Number(v).toPrecision(3)}`).join(' · ')}</td></tr>`)}</tbody></table></div></details>`)
    : html`<div class="panel"><${Empty} title="Nothing has been tried yet"><p><code>mainstay models train ${name}</code> searches on what is kept and ranks every trial here.</p><//></div>`)}<//></section>`;
}

/** The card's Markdown as elements: headings, lists and paragraphs, all of it text. @param {string} text */
export function cardBlocks(text) {
  const body = text.replace(/^---\n[\s\S]*?\n---\n/, '').trim();
  return body.split(/\n{2,}/).map((block) => {
    if (block.startsWith('## ')) return html`<h3>${block.slice(3)}</h3>`;
    if (block.startsWith('# ')) return null;
    const lines = block.split('\n');
    if (lines.every((line) => line.startsWith('- '))) return html`<ul class="reasons">${lines.map((line) => html`<li><${Text} value=${line.slice(2)} max=${600} /></li>`)}</ul>`;
    return lines.some((line) => line.startsWith('|')) ? html`<pre class="json">${block}</pre>` : html`<p><${Text} value=${block} max=${1200} /></p>`;
  });
}

/** @param {{path: string}} props */
function Card({ path }) {
  const [text, setText] = useState('');
  useEffect(() => {
    let here = true;
    getText(`${path}/card`).then((t) => here && setText(t), (e) => here && setText(String(e.message)));
    return () => { here = false; };
  }, [path]);
  return html`<section class="section"><h2>Model card</h2><details class="panel body card" open=${false}><summary>Data, metrics, evenness, limits, approvals: as recorded</summary>${text ? cardBlocks(text) : html`<p class="loading">Loading the card…</p>`}</details></section>`;
}

/** @param {{name: string}} props */
export function ModelPage({ name }) {
  const held = useData(`/models/${encodeURIComponent(name)}`);
  return html`<${Shown} held=${held} what=${name}>${(/** @type {any} */ data) => html`<${Body} name=${name} data=${data} />`}<//>`;
}

/** @param {Deployment | null} one @param {string} kind */
function sentence(one, kind) {
  if (!one) return 'Not deployed.';
  return html`<b>${versionName(one.live)}</b> decides ${DECIDES[kind] ?? ''}, <${Since} ms=${one.since_ms} />${one.canary ? html`; <b>${versionName(one.canary)}</b> decides about ${percent(one.share)} of the entities as a canary` : ''}${one.shadow ? html`; <b>${versionName(one.shadow)}</b> is its shadow${one.share < 1 && !one.canary ? ` on ${percent(one.share)} of the entities` : ''}` : '; no shadow runs'}.`;
}

/** @param {{name: string, data: any}} props */
function Body({ name, data }) {
  const versions = /** @type {ModelVersion[]} */ ([...data.versions]).sort((a, b) => b.ref.version - a.ref.version);
  const everywhere = /** @type {Deployment[]} */ (items(data.deployments));
  const deployment = /** @type {Deployment | null} */ (data.deployment) ?? everywhere[0] ?? null;
  const scores = items(data.scorecard), live = scoreOf(scores, deployment?.live);
  const alerts = items(useData('/alerts?limit=1000').data), week = Date.now() - 7 * 86_400_000;
  const raised = alerts.filter((a) => a.decided_by.model === name && a.since_ms > week);
  const shadow = deployment?.shadow ? agreementWords(data.agreement) : '';
  const path = `/models/${encodeURIComponent(name)}/versions/${(deployment?.live ?? versions[0].ref).version}`;
  return html`<p><a href=${to('models')}>Models</a></p>
    <${PageHead} title=${name} sentence=${sentence(deployment, data.kind)}>
      ${may('responder') && everywhere.filter((one) => one.canary || one.previous).map((one) => html`<button class="button danger" onClick=${() => askRollback(name, one)}>Roll back ${one.canary ? `canary ${versionName(one.canary)}` : `to ${versionName(/** @type {any} */ (one.previous))}`}${one.scope === '*' ? '' : ` (${one.scope})`}…</button>`)}<//>
    <section class="panel"><div class="figures">
      <${Share} what="Precision" rate=${live?.precision} />
      <${Share} what="Recall" rate=${live?.recall} says=${live?.missed ? `, ${count(live.missed)} missed` : ''} />
      <${Figure} what="Alerts, last 7 days" value=${count(raised.length)} says=${`${count(raised.filter((a) => a.suppressed).length)} of them not paged${alerts.length === 1000 ? '; of the last 1,000 in all' : ''}`} />
      <${Figure} what="Shadow against live" value=${shadow.includes(' the same') ? shadow.split(' the same')[0] : '–'} says=${shadow || 'no shadow'} /></div></section>
    <${Health} path=${path} name=${name} kind=${data.kind} />
    <${Rollouts} kind=${data.kind} name=${name} />
    <section class="section"><h2>Versions</h2><div class="table-scroll"><table class="stack"><thead><tr><th>Version</th><th>Role</th><th>Algorithm</th><th>Verdicts</th><th>Artefact</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
      <tbody>${versions.map((v) => html`<${VersionRow} key=${v.ref.version} version=${v} role=${roleOf(v, everywhere)} name=${name} score=${scoreOf(scores, v.ref)} />`)}</tbody></table></div></section>
    <${Lineage} path=${path} /><${Experiments} name=${name} /><${Card} path=${path} />`;
}
