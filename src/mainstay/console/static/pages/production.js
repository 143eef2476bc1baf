/** Models that users run in production: what they drift in, how wrong they were and are, and about whom. */
import { count, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { items, useData } from '../js/store.js';
import { Ago, EntityLink, Empty, State, Shown, Text } from '../parts/words.js';

/** @param {number | null} loss */
const lossWords = (loss) => (loss === null ? 'too few labels' : loss.toPrecision(3));

/** @param {{one: any}} props */
function Line({ one }) {
  const drift = [...items(one.drift)].sort((a, b) => b.psi - a.psi).slice(0, 8);
  return html`<tr data-row tabindex="-1"><td><${EntityLink} id=${one.entity} />@<${Text} value=${one.version} max=${40} /><div class="small muted">${plural(one.predictions, 'prediction')}, ${plural(one.labelled, 'label')}; <${Ago} ms=${one.last_ms} /></div></td>
    <td>${one.firing.length ? html`<${State} is="warn" word=${`changed: ${one.firing.join(', ')}`} />` : one.is_known ? html`<${State} is="ok" word="as usual" />` : html`<span class="muted">learning what is usual</span>`}</td>
    <td data-label="drift">${drift.length ? html`<ul class="lines">${drift.map((f) => html`<li><${Text} value=${f.feature} max=${40} /> PSI ${f.psi.toFixed(2)}${f.missing > 0 ? `, ${Math.round(f.missing * 100)} % missing` : ''}</li>`)}</ul>` : html`<span class="muted">no window yet</span>`}</td>
    <td data-label="loss">${one.loss_before === null && one.loss_now === null ? html`<span class="muted">too few labels</span>` : html`${lossWords(one.loss_before)} → <b>${lossWords(one.loss_now)}</b>`}</td>
    <td data-label="groups">${items(one.groups).length ? html`<ul class="lines">${one.groups.slice(0, 6).map((/** @type {any} */ g) => html`<li><${Text} value=${g.group || 'no group'} max=${40} />: ${count(g.wrong)} of ${count(g.labelled)} wrong</li>`)}</ul>` : html`<span class="muted">none</span>`}</td></tr>`;
}

export function Production() {
  return html`<section class="section"><h2>Your models in production</h2><${Shown} held=${useData('/production-models')} what="models in production">${(/** @type {any} */ data) => (items(data).length
    ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Model</th><th>State</th><th>Drift by feature</th><th>Loss then → now</th><th>Groups</th></tr></thead><tbody>${items(data).map((one) => html`<${Line} key=${`${one.entity}@${one.version}`} one=${one} />`)}</tbody></table></div>`
    : html`<div class="panel"><${Empty} title="None of your own models has predicted anything"><p>Send predictions, and later their labels, to be told of drift and loss: see “predictions” in the documentation.</p><//></div>`)}<//></section>`;
}
