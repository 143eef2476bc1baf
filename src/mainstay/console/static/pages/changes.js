/** Changes: who changed what, when; the first thing to look at when something breaks. */
import { plural } from '../js/format.js';
import { html } from '../js/html.js';
import { items, useData } from '../js/store.js';
import { Ago, Empty, EntityLink, PageHead, Shown, Text } from '../parts/words.js';

/** @param {{change: import('../../types.d.ts').Change}} props */
const ChangeRow = ({ change }) => html`<tr data-row tabindex="-1"><td class="nowrap"><${Ago} ms=${change.at_ms} /></td>
  <td><span class="strong">${change.kind}</span> ${change.version && html`<${Text} value=${change.version} max=${60} />`}${change.previous_version && html` <span class="muted">was <${Text} value=${change.previous_version} max=${60} /></span>`}</td>
  <td>${change.entity ? html`<${EntityLink} id=${change.entity} />` : html`<span class="muted"><${Text} value=${change.subject} max=${80} /> (unplaced)</span>`}</td>
  <td><${Text} value=${change.summary} max=${160} /></td>
  <td data-label="by">${change.by_mainstay ? html`<span class="chip">Mainstay</span>` : html`<${Text} value=${change.author} max=${60} />`}</td></tr>`;

export function Changes() {
  const held = useData('/changes?limit=300');
  return html`<${Shown} held=${held} what="changes">${(/** @type {any} */ data) => {
    const rows = items(data);
    const day = rows.filter((c) => c.at_ms > Date.now() - 86_400_000).length;
    return html`<${PageHead} title="Changes" sentence=${html`<b>${plural(day, 'change')}</b> in the last 24 hours. A change close before an incident is its first suspect.`} />
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>When</th><th>What</th><th>Where</th><th>Says</th><th>By</th></tr></thead><tbody>${rows.map((c) => html`<${ChangeRow} key=${c.id} change=${c} />`)}</tbody></table></div>`
        : html`<div class="panel"><${Empty} title="Nobody told us of a change"><p>Send deploys and configuration changes as CloudEvents to <code>/api/v1/changes</code>, and they are weighed in every diagnosis.</p><//></div>`}`;
  }}<//>`;
}
