/** Models that users run in production: how each stands, what it changed in, whom it serves worse, and its card. */
import { useState } from 'preact/hooks';
import { count, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { Answers, Card } from '../parts/card.js';
import { Figure } from '../parts/figures.js';
import { AlertTable } from './services.js';
import { Ago, Empty, EntityLink, PageHead, plain, Shown, State, Text } from '../parts/words.js';

/** @param {any} one */
const nameOf = (one) => one.entity.slice(one.entity.lastIndexOf('/') + 1);
/** @param {any} one */
const placeOf = (one) => one.entity.slice(one.entity.indexOf(':') + 1, one.entity.lastIndexOf('/'));
/** @param {number | null} loss */
const lossWords = (loss) => (loss === null ? 'too few labels' : loss.toPrecision(3));
/** @param {any} one */
const lossesOf = (one) => (one.loss_before === null && one.loss_now === null ? html`<span class="muted">too few labels</span>` : html`${lossWords(one.loss_before)} → <b>${lossWords(one.loss_now)}</b>`);
/** @param {any} one */
const stateOf = (one) => (one.firing.length ? html`<${State} is="warn" word=${`changed: ${one.firing.join(', ')}`} />` : one.is_known ? html`<${State} is="ok" word="as usual" />` : html`<span class="muted">learning what is usual</span>`);
/** The farthest first. @param {any} one */
const driftOf = (one) => [...items(one.drift)].sort((a, b) => b.psi - a.psi);
/** @param {any} share */
const shareWords = (share) => `${share.value === null ? `too few to say: ${count(share.hits)} of ${count(share.n)}` : `${share.value.toFixed(2)} (${share.low.toFixed(2)}–${share.high.toFixed(2)}), n = ${count(share.n)}`}`;

/** @param {any} props */
function Line({ one }) {
  return html`<tr data-row tabindex="-1"><td><a class="open" href=${to('production', nameOf(one))}><${Text} value=${`${nameOf(one)}@${one.version}`} max=${80} expand=${false} /></a><div class="small muted">${plain(placeOf(one)) || 'no environment'}; ${plural(one.predictions, 'prediction')}, ${plural(one.labelled, 'label')}; <${Ago} ms=${one.last_ms} /></div></td>
    <td>${stateOf(one)}</td>
    <td data-label="drift">${items(one.drift).length ? html`<ul class="lines">${driftOf(one).slice(0, 8).map((f) => html`<li><${Text} value=${f.feature} max=${40} /> PSI ${f.psi.toFixed(2)}${f.missing > 0 ? `, ${Math.round(f.missing * 100)} % missing` : ''}</li>`)}</ul>` : html`<span class="muted">no window yet</span>`}</td>
    <td data-label="loss">${lossesOf(one)}</td>
    <td data-label="groups">${items(one.groups).length ? html`<ul class="lines">${one.groups.slice(0, 6).map((/** @type {any} */ g) => html`<li><${Text} value=${g.group || 'no group'} max=${40} />: ${count(g.wrong)} of ${count(g.labelled)} wrong</li>`)}</ul>` : html`<span class="muted">none</span>`}</td></tr>`;
}

/** All of them, below the platform's own. */
export function Production() {
  return html`<section class="section"><h2>Your models in production</h2><${Shown} held=${useData('/production-models')} what="models in production">${(/** @type {any} */ data) => (items(data).length
    ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Model</th><th>State</th><th>Drift by feature</th><th>Loss then → now</th><th>Groups</th></tr></thead><tbody>${items(data).map((one) => html`<${Line} key=${`${one.entity}@${one.version}`} one=${one} />`)}</tbody></table></div>`
    : html`<div class="panel"><${Empty} title="None of your own models has predicted anything"><p>Send predictions, and later their labels: docs/production.md.</p><//></div>`)}<//></section>`;
}

/** One model, all of its versions and environments. @param {any} props */
export function ProductionPage({ name }) {
  const held = useData('/production-models');
  return html`<p><a href=${to('models')}>Models</a></p><${Shown} held=${held} what=${name}>${(/** @type {any} */ data) => {
    const mine = items(data).filter((one) => nameOf(one) === name).sort((a, b) => b.last_ms - a.last_ms);
    return mine.length ? html`<${Body} name=${name} all=${mine} />` : html`<${PageHead} title=${html`<${Text} value=${name} max=${120} />`} /><div class="panel"><${Empty} title="Nobody has sent a prediction of a model of this name"><p>A model appears here with its first prediction: docs/production.md.</p><//></div>`;
  }}<//>`;
}

/** @param {any} props */
function Body({ name, all }) {
  const [picked, pick] = useState('');
  const one = all.find((/** @type {any} */ each) => each.version === picked) ?? all[0];
  const path = `/production-models/${encodeURIComponent(`${name}@${one.version}`)}`;
  const gate = useData(`${path}/gate`).data, even = useData(`${path}/bias`).data;
  const alerts = items(useData(`/alerts?limit=100&entity=${encodeURIComponent(one.entity)}`).data);
  return html`<${PageHead} title=${html`<${Text} value=${`${name}@${one.version}`} max=${120} />`} sentence=${html`<b>${plural(one.predictions, 'prediction')}</b> of <${EntityLink} id=${one.entity} />, the last <${Ago} ms=${one.last_ms} />; <b>${one.firing.length ? `not what it was in ${one.firing.join(', ')}` : one.is_known ? 'as usual' : 'still learning what is usual'}</b>.`} />
    <section class="panel"><div class="figures">
      <${Figure} what="Loss now" value=${one.loss_now === null ? '–' : lossWords(one.loss_now)} says=${one.loss_before === null ? 'too few labels to compare' : `${lossWords(one.loss_before)} when it was new; mean of (label − score)²`} />
      <${Figure} what="Labels" value=${count(one.labelled)} says=${`of ${plural(one.predictions, 'prediction')}${one.unmatched ? `; ${count(one.unmatched)} found no prediction` : ''}`} />
      <${Figure} what="Farthest input" value=${driftOf(one).length ? driftOf(one)[0].psi.toFixed(2) : '–'} says=${driftOf(one).length ? html`PSI of <${Text} value=${driftOf(one)[0].feature} max=${60} />` : 'no window yet'} />
      <${Figure} what="Gate" value=${gate ? gate.verdict.replace('-', ' ') : '…'} says=${gate ? html`<${Text} value=${gate.reasons.join('; ')} max=${160} />` : ''} /></div></section>
    <section class="section"><h2>Drift</h2>${driftOf(one).length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Input</th><th class="num">PSI</th><th class="num">Missing</th><th>Says</th></tr></thead><tbody>${driftOf(one).slice(0, 100).map((f) => html`<tr><td><${Text} value=${f.feature} max=${80} /></td><td data-label="PSI" class="num">${f.psi.toFixed(3)}</td><td data-label="missing" class="num">${Math.round(f.missing * 100)} %</td><td>${f.psi >= 0.25 ? html`<${State} is="warn" word="moved" />` : html`<span class="muted">as usual</span>`}</td></tr>`)}</tbody></table></div>` : html`<p class="muted">No window of predictions is full yet.</p>`}</section>
    <section class="section"><h2>What was told of it</h2><${AlertTable} alerts=${alerts} /></section>
    <section class="section"><h2>Groups</h2>${even ? html`<p><${State} is=${even.status === 'worse' ? 'bad' : even.status === 'none' ? 'ok' : 'info'} word=${even.says} /></p>${even.groups.length > 0 && html`<div class="table-scroll"><table class="stack"><thead><tr><th>Group</th><th>Share that was wrong, 95 %</th><th>Elsewhere</th></tr></thead><tbody>${even.groups.slice(0, 50).map((/** @type {any} */ g) => html`<tr><td><${Text} value=${g.group} max=${80} /></td><td data-label="wrong">${shareWords(g.wrong)}${g.is_worse ? html` <${State} is="bad" word="worse" />` : ''}</td><td data-label="elsewhere">${g.rest === null ? '–' : g.rest.toFixed(2)}</td></tr>`)}</tbody></table></div>`}` : html`<p class="loading">Loading…</p>`}</section>
    <section class="section"><h2>Versions</h2><div class="table-scroll"><table class="stack"><thead><tr><th>Version</th><th>State</th><th class="num">Predictions</th><th>Loss then → now</th></tr></thead><tbody>${all.map((/** @type {any} */ v) => html`<tr key=${`${v.entity}@${v.version}`}><td><button class="link mono strong" onClick=${() => pick(v.version)}><${Text} value=${v.version} max=${60} expand=${false} /></button> <span class="small muted">${plain(placeOf(v))}, <${Ago} ms=${v.last_ms} /></span></td><td>${stateOf(v)}</td><td data-label="predictions" class="num">${count(v.predictions)}</td><td data-label="loss">${lossesOf(v)}</td></tr>`)}</tbody></table></div></section>
    <${Answers} name=${name} kind="production" /><${Card} path=${path} />`;
}
