/** Figures side by side: what is counted, how much, and what that says. */
import { count } from '../js/format.js';
import { html } from '../js/html.js';

/** @param {any} props */
export const Figure = ({ what, value, says }) => html`<div><span class="muted">${what}</span><span class="value">${value}</span><span class="small muted">${says}</span></div>`;

/** Never a bare percentage, and none while there are too few. @param {any} props */
export function Share({ what, rate, says = '' }) {
  if (!rate || rate.value === null || rate.low === null || rate.high === null) return html`<${Figure} what=${what} value="–" says=${rate?.n ? `too few to say: ${rate.hits} of ${rate.n}` : 'no verdicts yet'} />`;
  const { value, low, high, n } = rate;
  return html`<div><span class="muted">${what}</span><span class="value">${value.toFixed(2)}</span>
    <span class="interval" aria-hidden="true"><i style=${{ left: `${low * 100}%`, right: `${100 - high * 100}%` }}></i><b style=${{ left: `${value * 100}%` }}></b></span>
    <span class="small muted">${low.toFixed(2)}–${high.toFixed(2)} (95 %), n = ${count(n)}${says}</span></div>`;
}
