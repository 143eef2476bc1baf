/** Models: which version decides what, how good it was, what is on its way, and the way back; and users' own. */
import { useState } from 'preact/hooks';
import { may, send } from '../js/api.js';
import { count, percent, plural, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, refresh, useData } from '../js/store.js';
import { Answers, Card } from '../parts/card.js';
import { Chart } from '../parts/chart.js';
import { Ask, show } from '../parts/dialog.js';
import { Figure, Share } from '../parts/figures.js';
import { Production } from './production.js';
import { Ago, At, Empty, PageHead, plain, Shown, Since, State, Text, Version } from '../parts/words.js';

/** @typedef {import('../../types.d.ts').ModelVersion} ModelVersion */
/** @typedef {import('../../types.d.ts').Deployment} Deployment */

const DECIDES = /** @type {Record<string, string>} */ ({
  metrics: 'which metrics are strange', logs: 'which log lines are new or too many', edges: 'which calls are slow or failing',
  correlator: 'which alerts are one incident', diagnoser: 'what the cause is', planner: 'which runbook fits',
  entities: 'which services are unlike themselves', predictions: 'which of your own models changed', forecaster: 'what fills up next',
  suppressor: 'whose page is an echo', impact: 'what a change did', 'change-risk': 'what a change may do', predictor: 'who is at risk, in shadow', similarity: 'what was alike',
});

/** Where a deployment holds. @param {string} scope */
const scopeWords = (scope) => (scope === '*' ? 'everywhere' : `in ${plain(scope.slice(0, 80))}`);

/** How the shadow compares with the live version. @param {any} told */
function agreementWords(told) {
  const a = told?.agreement && typeof told.agreement === 'object' ? told.agreement : told;
  if (a?.errors) return `failed: ${plain(String(a.error)).slice(0, 80)}`;
  if (typeof a?.agreement !== 'number') return 'nothing to compare yet';
  const of = a.decisions || a.both_alerts + a.live_only + a.shadow_only;
  return `${percent(a.agreement)} the same of ${count(of)}`;
}

/** What verdicts and outcomes say of a version. @param {any[]} scores @param {any} ref @returns {import('../../types.d.ts').Score | undefined} */
const scoreOf = (scores, ref) => ref && scores.find((score) => versionName(score.ref) === versionName(ref));

/** Who runs beside the live version. @param {any} props */
function Beside({ of, agreement }) {
  const part = `${of.share < 1 ? ` on ${percent(of.share)}` : ''}${of.scope === '*' ? '' : ` ${scopeWords(of.scope)}`}`;
  return html`${of.canary && html`<div><${Version} of=${of.canary} /> <${State} is="warn" word=${`canary${part}`} /></div>`}
    ${of.shadow && html`<div><${Version} of=${of.shadow} /> <${State} is="shadow" word=${`shadow${of.canary ? '' : part}`} /><div class="small muted">${agreementWords(agreement)}</div></div>`}`;
}

/** @param {any} props */
function ModelRow({ row }) {
  const deployment = /** @type {Deployment | null} */ (row.deployment);
  const all = /** @type {Deployment[]} */ (items(row.deployments)), beside = all.filter((d) => d.canary || d.shadow);
  const held = all.filter((d) => d.live.model === row.name);
  const score = scoreOf(items(row.scorecard), (deployment ?? held[0])?.live);
  return html`<tr data-row tabindex="-1"><td><a class="open" href=${to('models', row.name)}>${row.name}</a><div class="small muted">${DECIDES[row.kind] ?? row.kind}</div></td>
    <td data-label="live">${held.length ? held.map((d) => html`<div><${Version} of=${d.live} /> <span class="small muted">${scopeWords(d.scope)} <${Since} ms=${d.live_since_ms || d.since_ms} /></span></div>`) : html`<span class="muted">${beside.length ? `nowhere live; beside ${versionName(beside[0].live)}` : 'not serving'}</span>`}</td>
    <td data-label="challenger">${beside.length ? beside.map((d) => html`<${Beside} of=${d} agreement=${row.agreement} />`) : html`<span class="muted">none</span>`}</td>
    <td data-label="before">${deployment?.previous ? html`<${Version} of=${deployment.previous} />` : html`<span class="muted">–</span>`}</td>
    <td data-label="precision" class="num">${typeof score?.precision.value === 'number' ? html`${score.precision.value.toFixed(2)}<div class="small muted">n = ${count(score.precision.n)}</div>` : html`<span class="muted">${score?.precision.n ? `${score.precision.hits} of ${score.precision.n} right` : 'no verdicts'}</span>`}</td></tr>`;
}

export function Models() {
  const held = useData('/models');
  return html`<${Shown} held=${held} what="models">${(/** @type {any} */ data) => {
    const rows = items(data);
    const all = /** @type {Deployment[]} */ (rows.flatMap((row) => items(row.deployments).filter((/** @type {Deployment} */ d) => d.live.model === row.name)));
    const shadows = all.filter((d) => d.shadow).length, canaries = all.filter((d) => d.canary).length;
    return html`<${PageHead} title="Models" sentence=${html`<b>${plural(rows.length, 'model')}</b> decide; <b>${shadows ? plural(shadows, 'shadow') : 'no shadow'}</b> ${shadows === 1 ? 'runs' : 'run'} beside them without a say${canaries ? html`, <b>${plural(canaries, 'canary', 'canaries')}</b> with a share of it` : ''}. Each decision names its version.`} />
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Model</th><th>Live</th><th>Challenger</th><th>Before</th><th class="num">Precision</th></tr></thead><tbody>${rows.map((row) => html`<${ModelRow} key=${row.name} row=${row} />`)}</tbody></table></div>` : html`<div class="panel"><${Empty} title="No model is deployed"><p>The first start deploys the shipped ones; the health page says why it did not.</p><//></div>`}
      <${Production} />`;
  }}<//>`;
}

const again = () => refresh((path) => path.startsWith('/models') || path.startsWith('/rollouts'));

/** One question about models, sent as it was shown; with a body it asks why. @param {string} title @param {string} submit @param {string} path @param {any} body @param {string} done @param {any} says */
function ask(title, submit, path, body, done, says) {
  const act = async (/** @type {FormData} */ form) => {
    await send('POST', path, body && { ...body, why: form.get('why') });
    again();
  };
  show(() => html`<${Ask} title=${title} submit=${submit} act=${act} done=${done}>${says}${body && html`<label>Why<input name="why" required maxlength="500" autofocus /></label>`}<//>`);
}

/** @param {string} name @param {Deployment} one @param {string} to */
function askRollback(name, one, to) {
  const leaves = versionName(one.canary ?? one.live);
  ask(`Roll back ${leaves}?`, 'Roll back', `/models/${encodeURIComponent(name)}/rollback?${new URLSearchParams({ where: one.scope, leaving: leaves })}`, null, 'Rolled back: from the next batch on.',
    html`<p>${scopeWords(one.scope)}: <b>${leaves}</b> stops deciding; <b>${to}</b> decides from the next batch on. What was decided so far stays in the ledger under the version that decided it.</p>`);
}

/** Past the gates goes `mainstay models deploy` alone. @param {string} name @param {any} ref */
const askRollout = (name, ref) => ask(`Roll out ${versionName(ref)}?`, 'Begin in shadow', `/models/${encodeURIComponent(name)}/rollout`, { version: ref.version }, 'It begins in shadow.',
  html`<p>Shadow, canary, live: each past its gate, and after another person allowed it.</p>`);

/** The weightiest of its roles. @param {ModelVersion} version @param {Deployment[]} held */
function roleOf(version, held) {
  const is = (/** @type {any} */ ref) => ref && ref.model === version.ref.model && ref.version === version.ref.version;
  const roles = /** @type {const} */ (['live', 'canary', 'shadow', 'previous']);
  const role = roles.find((one) => held.some((d) => is(d[one])));
  return role === 'previous' ? 'before' : role ?? '';
}

/** @param {any} props */
function VersionRow({ version, role, name, score, pick }) {
  return html`<tr data-row tabindex="-1"><td><button class="link mono strong" onClick=${pick}>${versionName(version.ref)}</button><div class="small muted"><${Text} value=${version.why} max=${160} /></div></td>
    <td>${role ? html`<${State} is=${role} />` : html`<span class="muted">not serving</span>`}</td>
    <td data-label="algorithm">${version.algorithm}<div class="small muted">${Object.keys(version.parameters).length ? html`<details><summary>${plural(Object.keys(version.parameters).length, 'parameter')}</summary><pre class="json">${JSON.stringify(version.parameters, null, 1)}</pre></details>` : ''}</div></td>
    <td data-label="verdicts">${score?.precision.n ? html`${score.precision.hits} of ${score.precision.n} right` : html`<span class="muted">none</span>`}</td>
    <td data-label="artefact"><code title=${version.artefact}>${version.artefact.slice(0, 12)}</code><div class="small muted"><${Ago} ms=${version.created_ms} /> by <${Text} value=${version.created_by} max=${40} /></div></td>
    <td>${may('admin') && (!role || role === 'before') && html`<button class="button small" onClick=${() => askRollout(name, version.ref)}>Roll out…</button>`}</td></tr>`;
}

const STAGES = /** @type {Record<string, string[]>} */ ({
  shadow: ['shadow', 'shadow: it decides nothing'], canary: ['warn', 'canary: it decides about a share'], live: ['live', 'live'],
  rolled_back: ['warn', 'rolled back'], refused: ['bad', 'refused'],
});
const VERDICTS = /** @type {any} */ ({ passed: 'ok', failed: 'bad' });
const UNDER_WAY = ['shadow', 'canary'];

/** @param {any} e what both versions found since the stage began */
function seen(e) {
  const found = e.both + e.champion_only + e.challenger_only;
  const words = e.decisions ? [`${count(e.same)} of ${count(e.decisions)} decisions the same`] : [];
  if (found || !e.decisions) words.push(`found by both ${count(e.both)}, only by the champion ${count(e.champion_only)}, only by the challenger ${count(e.challenger_only)}`);
  if (e.pages) words.push(`pages ${count(e.pages - e.extra_pages)} and ${count(e.pages - e.missed_pages)}`);
  if (e.faults) words.push(`of ${plural(e.faults, 'replayed fault')} champion ${count(e.champion_faults)}, challenger ${count(e.challenger_faults)}`);
  if (e.errors) words.push(plural(e.errors, 'error'));
  return `${words.join(' · ')}.`;
}

/** Both on one line of time: what each has found since its stage began. @param {any} props */
function Course({ id }) {
  const rollout = useData(`/rollouts/${encodeURIComponent(id)}`).data, course = items(rollout?.course), last = course.at(-1);
  if (course.length < 2) return null;
  if (!course.some((c) => c.champion || c.challenger)) return html`<p class="small muted">Neither found anything in ${plural(course.length, 'window')}: there is nothing to draw.</p>`;
  const none = course.map(() => null), turns = course.map((c, i) => i && c.stage !== course[i - 1].stage);
  const of = (/** @type {string} */ key) => course.map((c, i) => (turns[i] ? null : c[key])), isJudge = rollout.evidence.decisions > 0;
  const marks = course.filter((_, i) => turns[i]).map((c) => ({ at_ms: c.at_ms, kind: /** @type {const} */ ('change'), says: c.stage }));
  const says = isJudge ? `the same ${count(last.both)} of ${count(last.champion)} (dashed)` : `${versionName(rollout.challenger)} found ${count(last.challenger)}; dashed: ${versionName(rollout.champion)} ${count(last.champion)}; both ${count(last.both)}`;
  return html`<${Chart} points=${{ at_ms: course.map((c) => c.at_ms), value: of(isJudge ? 'both' : 'challenger'), low: none, high: none, beside: of('champion') }} unit="" name="" says=${says} marks=${marks} />`;
}

/** @param {any} one */
const askAllow = (one) => ask(`Allow ${versionName(one.challenger)}?`, 'Allow', `/rollouts/${encodeURIComponent(one.id)}/validate`, null, 'Allowed: it goes on when it passes its gates.', html`<p>You vouch for what somebody else made.</p>`);
/** @param {any} one */
const askWithdraw = (one) => ask(`Withdraw ${versionName(one.challenger)}?`, 'Withdraw', `/rollouts/${encodeURIComponent(one.id)}/withdraw`, {}, 'It leaves with the next batch.', html`<p>The champion has served all along and goes on.</p>`);

/** @param {any} props */
function RolloutLine({ one, gate, window_s }) {
  const [tone, words] = STAGES[one.stage] ?? ['', one.stage];
  const moving = UNDER_WAY.includes(one.stage), needs = gate?.windows ?? 0;
  return html`<li><p><span class="mono strong">${versionName(one.challenger)}</span> against <span class="mono">${versionName(one.champion)}</span> ${scopeWords(one.scope)} <${State} is=${tone} word=${words} /> <span class="muted small"><${Since} ms=${one.stage_since_ms} /></span></p>
    ${moving && needs > 0 && html`<p class="progress"><progress max=${needs} value=${Math.min(one.windows, needs)} aria-label="evaluation windows"></progress> <span class="small">${count(one.windows)} of ${plural(needs, 'window')}${window_s ? ` of ${count(window_s)} s` : ''} · then the gate decides</span></p>`}
    ${moving && one.result ? html`<p><${State} is=${VERDICTS[one.result.verdict] ?? ''} word=${`gate: ${one.result.verdict.replace('_', ' ')}`} /></p><ul class="reasons">${one.result.reasons.map((/** @type {string} */ r) => html`<li><${Text} value=${r} /></li>`)}</ul>` : html`<p><${Text} value=${one.says} /></p>`}
    <${Course} id=${one.id} />
    ${moving && html`<p>${may('approver') && one.change === 'normal' && !one.validator && html`<button class="button small" onClick=${() => askAllow(one)}>Allow…</button>`} ${may('responder') && html`<button class="button small" onClick=${() => askWithdraw(one)}>Withdraw…</button>`}</p>`}
    <p class="small muted">${seen(one.evidence)} ${one.change} change by <${Text} value=${one.by || 'mainstay'} max=${40} />${one.validator ? html`, allowed by <${Text} value=${one.validator} max=${40} />` : moving && one.change === 'normal' ? ', not yet allowed to go live by another person' : ''}${one.why ? html`: <${Text} value=${one.why} max=${160} />` : ''}</p></li>`;
}

/** @param {any} props */
function Rollouts({ kind, name }) {
  const held = useData('/rollouts'), policy = useData('/gate-policy').data?.in_force;
  return html`<section class="section"><h2>On its way</h2><${Shown} held=${held} what="rollouts">${(/** @type {any} */ data) => {
    // what was refused when it was asked for has never run
    const mine = items(data).filter((one) => one.kind === kind && one.challenger.model === name && (one.stage !== 'refused' || one.windows || one.stage_since_ms > one.since_ms));
    if (!mine.length) return html`<div class="panel"><${Empty} title="No version is on its way"><p>A training sends one, or “Roll out…” below: shadow, canary, live, each past its gate.</p><//></div>`;
    return html`<ul class="panel evidence">${mine.slice(0, 10).map((one) => html`<${RolloutLine} key=${one.id} one=${one} gate=${policy?.[one.stage]} window_s=${policy?.window_s ?? 0} />`)}</ul>`;
  }}<//></section>`;
}

/** Whether it stands, how risky it is to rely on, and what has drifted. @param {any} props */
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

/** @param {any} props */
function Lineage({ path }) {
  return html`<section class="section"><h2>Lineage</h2><${Shown} held=${useData(`${path}/lineage?limit=20`)} what="lineage">${(/** @type {any} */ l) => {
    const caused = Object.entries(l.caused);
    const steps = [
      ['Data', l.dataset ? html`${plural(l.dataset.row_count, 'row')}<div class="small muted"><code>${l.dataset.digest.slice(0, 12)}</code> <${At} ms=${l.dataset.since_ms} /> to <${At} ms=${l.dataset.until_ms} /></div>` : l.registered.is_brought ? 'Not known here: somebody brought it' : 'None: priors set by hand'],
      ['Experiment', l.experiment ? html`${plural(l.experiment.trials.length, 'trial')}<div class="small muted">${l.experiment.id.slice(0, 40)}</div>` : 'None'],
      ['Version', html`<b>${versionName(l.version)}</b><div class="small muted">${l.parents.length ? `from ${l.parents.map(versionName).join(', ')}` : 'has no parent'}${l.children.length ? ` · ${plural(l.children.length, 'child', 'children')}` : ''}</div>`],
      ['Deployed', l.deployments.length ? html`${l.deployments.slice(0, 3).map((/** @type {any} */ d) => html`<div>${d.role || 'served'} ${scopeWords(d.scope ?? '*')} <span class="small muted"><${Ago} ms=${d.at_ms} /></span></div>`)}${l.deployments.length > 3 ? html`<div class="small muted">and ${l.deployments.length - 3} more</div>` : ''}` : 'Never'],
      ['Caused', caused.length ? caused.map(([kind, n]) => html`<div>${count(Number(n))} × ${kind}</div>`) : 'Nothing yet'],
    ];
    return html`<ol class="lineage">${steps.map(([what, is]) => html`<li><span class="small muted">${what}</span><div>${is}</div></li>`)}</ol>`;
  }}<//></section>`;
}

/** @param {any} props */
function Experiments({ name }) {
  const held = useData(`/models/${encodeURIComponent(name)}/experiments`);
  return html`<section class="section"><h2>Experiments</h2><${Shown} held=${held} what="experiments">${(/** @type {any} */ data) => (items(data).length ? items(data).slice(0, 5).map((one) => html`<details class="panel body" key=${one.id}><summary>${one.version ? html`<b>${versionName(one.version)}</b>` : 'no new version'} · ${plural(one.trials.length, 'trial')} · ${plural(one.snapshot.row_count, 'row')} · <${Ago} ms=${one.at_ms} /></summary>
      <p><${Text} value=${one.says || one.why} /></p>${!one.quality.passed && html`<ul class="reasons">${one.quality.problems.map((/** @type {string} */ p) => html`<li><${Text} value=${p} /></li>`)}</ul>`}
      <div class="table-scroll"><table><thead><tr><th class="num">Rank</th><th class="num">Loss</th><th>What was turned</th></tr></thead><tbody>${[...one.trials].sort((a, b) => (a.rank || 1e9) - (b.rank || 1e9)).slice(0, 20).map((t) => html`<tr><td class="num">${t.rank || '–'}</td><td class="num">${typeof t.metrics.loss === 'number' ? t.metrics.loss.toPrecision(4) : '–'}</td><td class="small">${t.number === 0 ? 'as it serves now' : Object.entries(t.knobs).map(([k, v]) => `${k} ${Number(v).toPrecision(3)}`).join(' · ')}</td></tr>`)}</tbody></table></div></details>`)
    : html`<div class="panel"><${Empty} title="Nothing has been tried yet"><p><code>mainstay models train ${name}</code> ranks its trials here.</p><//></div>`)}<//></section>`;
}

/** @param {any} props */
export function ModelPage({ name }) {
  const held = useData(`/models/${encodeURIComponent(name)}`);
  return html`<${Shown} held=${held} what=${name}>${(/** @type {any} */ data) => html`<${Body} name=${name} data=${data} />`}<//>`;
}

/** @param {Deployment | null} one @param {string} kind @param {string} name */
function sentence(one, kind, name) {
  if (!one) return 'Not deployed.';
  if (one.live.model !== name) return html`Nowhere live: <b>${versionName(one.canary?.model === name ? one.canary : one.shadow)}</b> is ${one.canary?.model === name ? 'a canary' : 'a shadow'} beside <b>${versionName(one.live)}</b>, which decides ${DECIDES[kind] ?? ''} ${scopeWords(one.scope)}.`;
  return html`<b>${versionName(one.live)}</b> decides ${DECIDES[kind] ?? ''}, <${Since} ms=${one.live_since_ms || one.since_ms} />${one.canary ? html`; <b>${versionName(one.canary)}</b> decides about ${percent(one.share)} of the entities as a canary` : ''}${one.shadow ? html`; <b>${versionName(one.shadow)}</b> is its shadow${one.share < 1 && !one.canary ? ` on ${percent(one.share)} of the entities` : ''}` : '; no shadow runs'}.`;
}

/** @param {any} props */
function Body({ name, data }) {
  const versions = /** @type {ModelVersion[]} */ ([...data.versions]).sort((a, b) => b.ref.version - a.ref.version);
  const everywhere = /** @type {Deployment[]} */ (items(data.deployments));
  const deployment = /** @type {Deployment | null} */ (data.deployment) ?? everywhere[0] ?? null;
  const scores = items(data.scorecard), live = scoreOf(scores, deployment?.live.model === name ? deployment.live : null);
  const alerts = items(useData('/alerts?limit=1000').data), week = Date.now() - 7 * 86_400_000;
  const raised = alerts.filter((a) => a.decided_by.model === name && a.since_ms > week);
  const shadow = deployment?.shadow ? agreementWords(data.agreement) : '';
  const [picked, pick] = useState(0);
  const mine = [deployment?.live, deployment?.canary, deployment?.shadow].find((ref) => ref?.model === name) ?? versions[0].ref;
  const path = `/models/${encodeURIComponent(name)}/versions/${picked || mine.version}`;
  return html`<p><a href=${to('models')}>Models</a></p>
    <${PageHead} title=${name} sentence=${sentence(deployment, data.kind, name)}>
      ${may('responder') && everywhere.filter((one) => data.back?.[one.scope]).map((one) => html`<button class="button danger" onClick=${() => askRollback(name, one, data.back[one.scope])}>Roll back ${one.canary ? `canary ${versionName(one.canary)}` : `to ${data.back[one.scope]}`}${one.scope === '*' ? '' : ` (${one.scope})`}…</button>`)}<//>
    <section class="panel"><div class="figures">
      <${Share} what="Precision" rate=${live?.precision} />
      <${Share} what="Recall" rate=${live?.recall} says=${live?.missed ? `, ${count(live.missed)} missed` : ''} />
      <${Figure} what="Alerts, last 7 days" value=${count(raised.length)} says=${`${count(raised.filter((a) => a.suppressed).length)} of them not paged${alerts.length === 1000 ? '; of the last 1,000 in all' : ''}`} />
      <${Figure} what="Shadow against live" value=${shadow.includes(' the same') ? shadow.split(' the same')[0] : '–'} says=${shadow || 'no shadow'} /></div></section>
    <${Health} path=${path} name=${name} kind=${data.kind} />
    <${Rollouts} kind=${data.kind} name=${name} />
    <section class="section"><h2>Versions</h2><div class="table-scroll"><table class="stack"><thead><tr><th>Version</th><th>Role</th><th>Algorithm</th><th>Verdicts</th><th>Artefact</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
      <tbody>${versions.map((v) => html`<${VersionRow} key=${v.ref.version} version=${v} role=${roleOf(v, everywhere)} name=${name} score=${scoreOf(scores, v.ref)} pick=${() => pick(v.ref.version)} />`)}</tbody></table></div></section>
    <${Lineage} path=${path} /><${Experiments} name=${name} /><${Answers} name=${name} kind=${data.kind} /><${Card} path=${path} />`;
}
