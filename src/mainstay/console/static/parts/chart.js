/** One series over time: what came, the band that was expected, and when somebody changed something. */
import { useEffect, useRef } from 'preact/hooks';
import { absolute, quantity, timeOfDay } from '../js/format.js';
import { html } from '../js/html.js';
import { colour, dark, theme } from '../js/theme.js';

/** @typedef {{at_ms: number[], value: (number | null)[], low: (number | null)[], high: (number | null)[]}} Points */
/** @typedef {{at_ms: number, kind: 'change' | 'onset', says: string}} Mark */

/** The classic script of index.html sets it. @returns {typeof import('uplot')} */
const uPlotOf = () => /** @type {any} */ (globalThis).uPlot;

/** Vertical lines where something happened. @param {() => Mark[]} marks */
function marksPlugin(marks) {
  const draw = (/** @type {any} */ u) => {
    const { ctx, bbox } = u;
    const colours = { change: colour('--amber'), onset: colour('--red') };
    ctx.save();
    ctx.lineWidth = devicePixelRatio * 1.5;
    for (const mark of marks()) {
      const x = Math.round(u.valToPos(mark.at_ms / 1000, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colours[mark.kind];
      ctx.setLineDash(mark.kind === 'onset' ? [4 * devicePixelRatio, 3 * devicePixelRatio] : []);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };
  return { hooks: { draw: [draw] } };
}

/** @param {string} unit @param {number} width @param {() => Mark[]} marks @returns {import('uplot').Options} */
function options(unit, width, marks) {
  const ink = colour('--muted'), grid = { stroke: colour('--line'), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const none = { show: false };
  return {
    width, height: 160, padding: [8, 20, 0, 0], legend: none, plugins: [marksPlugin(marks)],
    cursor: { x: true, y: false, points: none, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => range(low, high) } },
    axes: [
      { stroke: ink, grid: none, ticks: { ...grid, size: 4 }, font, space: 72, size: 28, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((s) => timeOfDay(s * 1000).split(', ').at(-1) ?? '') },
      { stroke: ink, grid, ticks: none, font, space: 32, size: 56, values: (/** @type {any} */ _, /** @type {number[]} */ v) => v.map((n) => quantity(n, unit, Math.max(...v.map(Math.abs)))) },
    ],
    series: [
      {},
      { stroke: 'transparent', points: none },
      { stroke: 'transparent', points: none },
      { stroke: colour('--accent'), width: 1.75, points: none },
    ],
    bands: [{ series: [2, 1], fill: colour('--band') }],
  };
}

/** @param {number} low @param {number} high @returns {[number, number]} */
function range(low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  return [low >= 0 && low < high * 0.6 ? 0 : low - room, high + room];
}

/** @param {Points} p @returns {any} */
const columns = (p) => [p.at_ms.map((ms) => ms / 1000), p.low, p.high, p.value];

/** What the picture shows, for those who cannot see it. @param {Points} p @param {string} unit @param {string} name */
function inWords(p, unit, name) {
  let i = p.value.length - 1;
  while (i > 0 && p.value[i] === null) i -= 1;
  const now = p.value[i] ?? null, low = p.low[i] ?? null, high = p.high[i] ?? null;
  if (now === null) return `${name}: no data`;
  return `${name}: last ${quantity(now, unit)}${low === null || high === null ? '' : `, expected ${quantity(low, unit)} to ${quantity(high, unit)}`}`;
}

/** @param {{points: Points, unit: string, name: string, marks: Mark[]}} props */
export function Chart({ points, unit, name, marks }) {
  const ref = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef(marks);
  latest.current = marks;
  useEffect(() => {
    const box = ref.current;
    if (!box) return undefined;
    const Plot = uPlotOf();
    plot.current = new Plot(options(unit, box.clientWidth, () => latest.current), columns(points), box);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: 160 }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [unit, theme.value, dark.value]);
  useEffect(() => plot.current?.setData(columns(points)), [points, marks]);
  const has = (/** @type {string} */ kind) => marks.some((mark) => mark.kind === kind);
  const words = inWords(points, unit, name);
  return html`<figure><div class="chart" ref=${ref} role="img" aria-label=${words}></div>
    <figcaption class="chart-legend"><span class="value"><i></i>${words.slice(name.length + 2)}</span><span class="band"><i></i>expected</span>
      ${has('onset') && html`<span class="onset"><i></i>trouble began</span>`}
      ${marks.filter((m) => m.kind === 'change').slice(0, 3).map((m) => html`<span class="change" title=${absolute(m.at_ms)}><i></i>${m.says.slice(0, 60)} ${timeOfDay(m.at_ms, true)}</span>`)}</figcaption></figure>`;
}
