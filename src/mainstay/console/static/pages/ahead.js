/** What is ahead: which resources run out, which services are likely to break; and one change, foretold and seen. */
import { duration, entityName, percent, plural, quantity, value } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { Ago, At, Confidence, Empty, EntityLink, PageHead, plain, Shown, State, Text, Version } from '../parts/words.js';
import { CAME } from './changes.js';

/** @param {number | null} s */
const left = (s) => (s === null ? 'not within sight' : duration(s * 1000));

/** @param {{one: any}} props */
const Row = ({ one }) => html`<tr data-row tabindex="-1"><td>${one.alert ? html`<a class="open" href=${to('alerts', one.alert)}><${Text} value=${one.resource} max=${80} expand=${false} /></a>` : html`<span class="strong"><${Text} value=${one.resource} max=${80} expand=${false} /></span>`}<div class="small muted"><${Text} value=${one.held || one.says} max=${240} /></div></td>
  <td><${State} is=${one.severity ?? 'info'} word=${one.severity ?? 'listed'} /></td><td><${EntityLink} id=${one.entity} /></td>
  <td data-label="reaches it in"><span class="strong nowrap">${left(one.expected_s)}</span>${one.expected_s !== null && html`<div class="small muted nowrap">${left(one.earliest_s)} – ${left(one.latest_s)}</div>`}</td><td class="nowrap" data-label="of its limit">${one.share === null ? '' : percent(one.share)}</td><td><${Version} of=${one.decided_by} /></td></tr>`;

/** @param {{one: any}} props */
const Risk = ({ one }) => html`<tr data-row tabindex="-1"><td><${EntityLink} id=${one.entity} />${one.is_flagged && html` <span class="chip">flagged</span>`}</td><td class="nowrap"><${Confidence} p=${one.probability} says="" /><div class="small muted">usually ${percent(one.usual)}</div></td>
  <td><${Text} value=${one.reasons.map((/** @type {any} */ r) => r.says).join('; ')} max=${240} /></td></tr>`;

export function Outlook() {
  const held = useData('/outlook'), risks = useData('/outlook/risks').data;
  return html`<p><a href=${to('services')}>Services</a></p><${Shown} held=${held} what="what is ahead">${(/** @type {any} */ data) => {
    const rows = items(data.outlooks), ends = rows.filter((one) => one.is_believed).length, soon = rows.filter((one) => one.expected_s !== null || one.severity);
    return html`<${PageHead} title="What is ahead" sentence=${html`<b>${ends ? plural(ends, 'resource runs out', 'resources run out') : 'Nothing runs out that we can see'}</b>; ${plural(data.followed, 'resource is', 'resources are')} followed${data.at_ms > 0 && html`, looked at <${At} ms=${data.at_ms} />`}.`} />
      ${soon.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Resource</th><th>Told as</th><th>Of</th><th>Reaches its limit in (90 %)</th><th>Of its limit</th><th>Decided by</th></tr></thead><tbody>${soon.map((one) => html`<${Row} key=${one.id} one=${one} />`)}</tbody></table></div>`
        : html`<div class="panel"><${Empty} title="No resource moves towards its limit"><p>Disks, memory, quotas, connections and certificates are followed by their names. A resource of your own is one line of YAML: setting <code>outlook.limits</code>.</p><//></div>`}
      ${risks && html`<section class="section"><h2>Services at risk${risks.horizon_s > 0 && ` within ${duration(risks.horizon_s * 1000)}`}</h2><p class="sentence">The predictor is <b>${risks.standing || 'in shadow, nobody is paged'}</b>.</p>
        ${risks.risks.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Service</th><th>Chance of an incident</th><th>Because</th></tr></thead><tbody>${risks.risks.slice(0, 50).map((/** @type {any} */ one) => html`<${Risk} key=${one.entity} one=${one} />`)}</tbody></table></div>` : html`<p class="muted">No service was looked at yet.</p>`}</section>`}`;
  }}<//>`;
}

const shares = new Set(['errors', 'availability']);

/** An effect is a factor, or a difference of shares. @param {any} of @param {number} v */
const effect = (of, v) => (v === null ? '–' : !shares.has(of.signal) ? `× ${value(v)}` : `${v > 0 ? '+' : v < 0 ? '−' : ''}${value(Math.abs(v) * 100)} points`);

/** As it was measured: times are milliseconds. @param {any} of @param {number} v @param {number} beside */
const measured = (of, v, beside) => (shares.has(of.signal) ? `${value(v * 100)} %` : quantity(v, ['latency', 'own'].includes(of.signal) ? 'ms' : '', beside));

/** @param {{of: any}} props */
const Effect = ({ of }) => html`<tr data-row tabindex="-1"><td class="strong">${of.signal === 'own' ? 'own time' : of.signal}</td><td><${State} is=${of.is_harm ? 'bad' : ''} word=${of.is_harm ? 'harm' : 'no harm seen'} /></td>
  <td data-label="before → after" class="nowrap">${measured(of, of.before, of.after)} → ${measured(of, of.after, of.after)}</td><td data-label="beyond its peers"><span class="strong">${effect(of, of.effect)}</span> <span class="muted nowrap">${effect(of, of.low)} to ${effect(of, of.high)}</span></td><td data-label="placebos as bad">${percent(of.p_value)}</td></tr>`;

/** @param {{of: any}} props */
function Impact({ of }) {
  if (!of) return html`<p class="muted">Not judged yet. It is looked at half a minute, two and six minutes after the change, where its service is known.</p>`;
  const [is, word] = CAME[of.verdict];
  return html`<p><${State} is=${is} word=${word} /> <${Text} value=${of.says} /> <${Version} of=${of.decided_by} />${of.entry && html` <a href=${to('ledger', of.entry)}>evidence</a>`}</p>
    <p class="muted section-tools">${of.is_final ? 'Last look' : 'A later look follows; this one was'} ${duration(of.horizon_s * 1000)} after the change, <${Ago} ms=${of.judged_ms} />. Beside ${plural(of.peers.length, 'service')} that nobody changed${of.p_value !== null && html`; of ${plural(of.placebos, 'placebo change')} ${percent(of.p_value)} looked at least as bad (itself counted)`}.</p>
    ${of.effects.length > 0 && html`<div class="table-scroll"><table class="stack"><thead><tr><th>Signal</th><th>Found</th><th>Before → after</th><th>Beyond its peers (90 %)</th><th>Placebos as bad</th></tr></thead><tbody>${of.effects.map((/** @type {any} */ e) => html`<${Effect} key=${e.signal} of=${e} />`)}</tbody></table></div>`}
    ${of.felt.length > 0 && html`<p class="section-tools">Felt by ${of.felt.map((/** @type {string} */ id) => html`<${EntityLink} id=${id} /> `)}</p>`}`;
}

/** @param {{of: any}} props */
function Forecast({ of }) {
  if (!of) return html`<p class="muted">None was made: its service is not known, or it was history when it was told.</p>`;
  const all = [...of.services].sort((a, b) => b.probability - a.probability);
  return html`<p><${Confidence} p=${of.probability} says="likely to do harm" /> · risk ${of.risk.score} of 100 · said <${At} ms=${of.at_ms} /> <${Version} of=${of.decided_by} />${of.entry && html` <a href=${to('ledger', of.entry)}>evidence</a>`}</p>
    <p class="section-tools">${of.brier !== null ? html`Scored <b>${of.brier.toFixed(3)}</b> (0 is perfect, 1 as wrong as can be).` : of.outcome ? 'Not scored: the evidence did not suffice.' : 'Not scored yet.'}</p>
    ${of.reasons.length > 0 && html`<ul class="reasons section-tools">${of.reasons.map((/** @type {any} */ r) => html`<li><${Text} value=${r.says} /> <span class="muted nowrap">odds × ${value(r.odds)}</span></li>`)}</ul>`}
    <div class="neighbours"><section><h2>Who may be hit · ${all.length}</h2><ul>${all.slice(0, 30).map((one) => html`<li><${EntityLink} id=${one.entity} /><span>${one.hops ? `${plural(one.hops, 'call')} away` : 'itself'} <b>${percent(one.probability)}</b></span></li>`)}</ul></section></div>`;
}

/** @param {{name: string}} props */
export function ChangePage({ name }) {
  const held = useData(`/changes/${encodeURIComponent(name)}`);
  return html`<p><a href=${to('changes')}>Changes</a></p><${Shown} held=${held} what="change">${(/** @type {any} */ { change: c, forecast, impact }) => html`
    <${PageHead} title=${html`${c.kind} <${Text} value=${`${entityName(c.entity || c.subject)} ${c.version}`} max=${120} />`} sentence=${html`<${At} ms=${c.at_ms} seconds=${true} /> (<${Ago} ms=${c.at_ms} />) by <b>${c.by_mainstay ? 'Mainstay' : plain(c.author || 'somebody')}</b>${c.previous_version && ` · was ${plain(c.previous_version)}`}${c.environment && ` · ${plain(c.environment)}`}${c.size > 0 && ` · ${plural(c.size, 'file')}`} · ${c.entity ? html`<${EntityLink} id=${c.entity} />` : 'its service is not known'}`} />
    ${c.summary && html`<p><${Text} value=${c.summary} /></p>`}
    <section class="section"><h2>What came of it</h2><${Impact} of=${impact} /></section>
    <section class="section"><h2>What was foretold</h2><${Forecast} of=${forecast} /></section>`}<//>`;
}
