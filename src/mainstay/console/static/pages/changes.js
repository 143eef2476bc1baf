/** Changes: who changed what, when; the first thing to look at when something breaks. */
import { percent, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { Ago, Empty, EntityLink, PageHead, Shown, State, Text } from '../parts/words.js';

export const CAME = /** @type {Record<string, [string, string]>} */ ({ harmful: ['bad', 'harmful'], harmless: ['ok', 'harmless'], 'not-enough-evidence': ['unknown', 'not enough evidence'] });

/** What it did, and what was foretold of it. @param {{change: any}} props */
function Came({ change }) {
  const [is, word] = CAME[change.verdict] ?? ['', ''];
  return html`${word && html`<${State} is=${is} word=${word} />`}${change.probability != null && html`<div class="small muted nowrap">forecast ${percent(change.probability)}</div>`}`;
}

/** How good the forecasts were, in a sentence. */
function Calibration() {
  const c = useData('/changes/calibration').data;
  if (!c?.scored) return null;
  return html`<p class="small muted section-tools">Of ${plural(c.scored, 'forecast')} that could be scored ${c.harmful} did harm${c.brier !== null && html`; Brier score ${c.brier.toFixed(3)}${c.brier_of_base_rate !== null && ` (always saying the usual: ${c.brier_of_base_rate.toFixed(3)})`}`}${c.placebo_false_positive_rate !== null && `; of changes that nobody made ${percent(c.placebo_false_positive_rate)} were called harmful`}.</p>`;
}

/** @param {{change: import('../../types.d.ts').Change}} props */
const ChangeRow = ({ change }) => html`<tr data-row tabindex="-1"><td class="nowrap"><${Ago} ms=${change.at_ms} /></td>
  <td><a class="open" href=${to('changes', change.id)}>${change.kind}</a> ${change.version && html`<${Text} value=${change.version} max=${60} />`}${change.previous_version && html` <span class="muted">was <${Text} value=${change.previous_version} max=${60} /></span>`}</td>
  <td>${change.entity ? html`<${EntityLink} id=${change.entity} />` : html`<span class="muted"><${Text} value=${change.subject} max=${80} /> (unplaced)</span>`}</td>
  <td><${Text} value=${change.summary} max=${160} /></td>
  <td data-label="by">${change.by_mainstay ? html`<span class="chip">Mainstay</span>` : html`<${Text} value=${change.author} max=${60} />`}</td><td><${Came} change=${change} /></td></tr>`;

export function Changes() {
  const held = useData('/changes?limit=300');
  return html`<${Shown} held=${held} what="changes">${(/** @type {any} */ data) => {
    const rows = items(data);
    const day = rows.filter((c) => c.at_ms > Date.now() - 86_400_000).length;
    return html`<${PageHead} title="Changes" sentence=${html`<b>${plural(day, 'change')}</b> in the last 24 hours. A change close before an incident is its first suspect.`} /><${Calibration} />
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>When</th><th>What</th><th>Where</th><th>Says</th><th>By</th><th>Came of it</th></tr></thead><tbody>${rows.map((c) => html`<${ChangeRow} key=${c.id} change=${c} />`)}</tbody></table></div>`
        : html`<div class="panel"><${Empty} title="Nobody told us of a change"><p>Send deploys and configuration changes as CloudEvents to <code>/api/v1/changes</code>, and they are weighed in every diagnosis.</p><//></div>`}`;
  }}<//>`;
}
