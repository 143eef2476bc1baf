/** Past incidents that look like the one at hand, and how each ended. */
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { At, Confidence, Text, Version } from './words.js';

/** @typedef {import('../../types.d.ts').SimilarIncident} SimilarIncident */

/** A ticket of the time before us has no page of its own. @param {{one: SimilarIncident}} props */
function Name({ one }) {
  if (one.id.startsWith('ticket:')) return html`<${Text} value=${one.id} max=${60} expand=${false} />`;
  return html`<a href=${to('incidents', one.id)}>${one.id.slice(0, 40)}</a>`;
}

/** @param {{similar: SimilarIncident[]}} props */
export function Past({ similar }) {
  if (!similar?.length) return null;
  return html`<section class="section"><h2>Like it before</h2>${similar.map((one) => html`<div class="others">
    <div><${Confidence} p=${one.score} says="alike" /> <${Name} one=${one} /> <${At} ms=${one.since_ms} /> <${Text} value=${one.title} max=${100} /></div>
    <div><${Text} value=${one.says} max=${160} /> <${Version} of=${one.decided_by} /></div></div>`)}</section>`;
}
