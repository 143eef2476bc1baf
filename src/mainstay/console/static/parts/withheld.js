/** What keeps a page from leaving: said where the alert or incident is; and the form that makes a silence. */
import { may, send } from '../js/api.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { refresh } from '../js/store.js';
import { Ask, show } from './dialog.js';
import { Ago, At, State, Text, Version } from './words.js';

/** @typedef {import('../../types.d.ts').Withheld} Mark */

const again = () => refresh((path) => /^\/(silences|maintenance|suppressions|withheld|incidents|alerts|budget)/.test(path));

/** Send it, and fetch anew what it moves. @param {string} path @param {unknown} [body] */
export async function move(path, body) {
  await send('POST', path, body);
  again();
}

/** @param {{mark: Mark | null | undefined}} props */
export function Held({ mark }) {
  if (!mark) return null;
  return html`<p class="withheld"><${State} is="warn" icon="wait" word="page withheld" /> by <a href=${to('silences')}>${mark.by === 'dependency' ? 'the suppression of symptoms' : mark.by}</a>${mark.why && html`: <${Text} value=${mark.why} max=${200} />`}${' · '}${mark.until_ms === null ? 'until what holds it is over' : html`until <${At} ms=${mark.until_ms} /> (<${Ago} ms=${mark.until_ms} />)`} <${Version} of=${mark.decided_by} /></p>`;
}

/** A value as it stands between the quotes of a matcher. @param {string} text */
const quoted = (text) => `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;

/** What names this alert and nothing else. @param {import('../../types.d.ts').Alert} a */
export const ofAlert = (a) => [`alertname=${quoted(a.name)}`, `entity=${quoted(a.entity)}`];

/** What names all that an incident is about. @param {string[]} entities */
export function ofEntities(entities) {
  if (entities.length === 1) return [`entity=${quoted(entities[0])}`];
  return entities.length ? [`entity=~${quoted(entities.slice(0, 12).map((id) => id.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')).join('|'))}`] : [];
}

const FOR = [['30', '30 minutes'], ['120', '2 hours'], ['480', '8 hours'], ['1440', '1 day'], ['10080', '1 week']];

/** @param {{matchers: string[]}} props */
function Add({ matchers }) {
  const act = (/** @type {FormData} */ form) => move('/silences', {
    matchers: String(form.get('matchers')).split('\n').map((line) => line.trim()).filter(Boolean),
    minutes: Number(form.get('minutes')), comment: String(form.get('comment')).trim(),
  });
  return html`<${Ask} title="Silence alerts like these" submit="Silence" done="Silenced. Alerts are recorded as ever; their pages wait." act=${act}>
    <div class="field"><label for="matchers">All of these hold</label><textarea id="matchers" name="matchers" class="mono" required rows="3" spellcheck=${false}>${matchers.join('\n')}</textarea>
      <span class="hint">One a line: service="cart", severity=~"minor|info", team!="x"</span></div>
    <div class="field"><label for="minutes">For</label><select id="minutes" name="minutes" defaultValue="120">${FOR.map(([value, word]) => html`<option value=${value} selected=${value === '120'}>${word}</option>`)}</select></div>
    <div class="field"><label for="comment">Why</label><input type="text" id="comment" name="comment" maxlength="500" required autocomplete="off" autofocus /></div><//>`;
}

/** @param {{matchers: string[], word?: string, small?: boolean}} props */
export const SilenceButton = ({ matchers, word = 'Silence…', small = false }) => html`<button class=${`button ${small ? 'small' : ''}`} disabled=${!may('responder')} onClick=${() => show(() => html`<${Add} matchers=${matchers} />`)}>${word}</button>`;
