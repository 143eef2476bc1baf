/** What happened, in order, and which version decided it. */
import { html } from '../js/html.js';
import { Icon } from './icons.js';
import { At, Text, Version } from './words.js';

/** @param {{entries: import('../../types.d.ts').TimelineEntry[]}} props */
export function Timeline({ entries }) {
  return html`<ol class="timeline">${entries.map((entry) => html`<li class=${`kind-${entry.kind}`}>
    <span class="muted"><${At} ms=${entry.at_ms} seconds=${true} /></span><${Icon} name=${entry.kind} />
    <span><span class="visually-hidden">${entry.kind}: </span><${Text} value=${entry.says} max=${240} /> <${Version} of=${entry.decided_by} /></span></li>`)}</ol>`;
}
