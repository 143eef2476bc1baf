/** What is ahead: which resources run out, and when at the earliest; which services are likely to break. */
import { duration, percent, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { At, Confidence, Empty, EntityLink, PageHead, Shown, State, Text, Version } from '../parts/words.js';

/** @param {number | null} s */
const left = (s) => (s === null ? 'not within sight' : duration(s * 1000));

/** @param {{one: any}} props */
const Row = ({ one }) => html`<tr data-row tabindex="-1"><td>${one.alert ? html`<a class="open" href=${to('alerts', one.alert)}><${Text} value=${one.resource} max=${80} expand=${false} /></a>` : html`<span class="strong"><${Text} value=${one.resource} max=${80} expand=${false} /></span>`}<div class="small muted"><${Text} value=${one.held || one.says} max=${240} /></div></td>
  <td><${State} is=${one.severity ?? 'info'} word=${one.severity ?? 'listed'} /></td><td><${EntityLink} id=${one.entity} /></td>
  <td data-label="full in"><span class="strong nowrap">${left(one.expected_s)}</span>${one.expected_s !== null && html`<div class="small muted nowrap">${left(one.earliest_s)} – ${left(one.latest_s)}</div>`}</td><td data-label="used">${one.share === null ? '' : percent(one.share)}</td><td><${Version} of=${one.decided_by} /></td></tr>`;

/** @param {{one: any}} props */
const Risk = ({ one }) => html`<tr data-row tabindex="-1"><td><${EntityLink} id=${one.entity} />${one.is_flagged && html` <span class="chip">flagged</span>`}</td><td class="nowrap"><${Confidence} p=${one.probability} says="" /><div class="small muted">usually ${percent(one.usual)}</div></td>
  <td><${Text} value=${one.reasons.map((/** @type {any} */ r) => r.says).join('; ')} max=${240} /></td></tr>`;

export function Outlook() {
  const held = useData('/outlook'), risks = useData('/outlook/risks').data;
  return html`<p><a href=${to('services')}>Services</a></p><${Shown} held=${held} what="what is ahead">${(/** @type {any} */ data) => {
    const rows = items(data.outlooks), ends = rows.filter((one) => one.is_believed).length, soon = rows.filter((one) => one.expected_s !== null || one.severity);
    return html`<${PageHead} title="What is ahead" sentence=${html`<b>${ends ? plural(ends, 'resource runs out', 'resources run out') : 'Nothing runs out that we can see'}</b>; ${plural(data.followed, 'resource is', 'resources are')} followed${data.at_ms > 0 && html`, looked at <${At} ms=${data.at_ms} />`}.`} />
      ${soon.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Resource</th><th>Told as</th><th>Of</th><th>Reaches its limit in (90 %)</th><th>Used</th><th>Decided by</th></tr></thead><tbody>${soon.map((one) => html`<${Row} key=${one.id} one=${one} />`)}</tbody></table></div>`
        : html`<div class="panel"><${Empty} title="No resource moves towards its limit"><p>Disks, memory, quotas, connections and certificates are followed by their names. A resource of your own is one line of YAML: setting <code>outlook.limits</code>.</p><//></div>`}
      ${risks && html`<section class="section"><h2>Services at risk within ${duration(risks.horizon_s * 1000)}</h2><p class="sentence"><b>In shadow:</b> nobody is paged by this. Of ${plural(risks.tally.flagged, 'flag')} so far, ${risks.tally.came_true} came true.</p>
        ${risks.risks.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Service</th><th>Chance of an incident</th><th>Because</th></tr></thead><tbody>${risks.risks.slice(0, 50).map((/** @type {any} */ one) => html`<${Risk} key=${one.entity} one=${one} />`)}</tbody></table></div>` : html`<p class="muted">No service was looked at yet.</p>`}</section>`}`;
  }}<//>`;
}
