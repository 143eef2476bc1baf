/** One series over time: what came, the band that was expected, and when somebody changed something. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { absolute, quantity, timeOfDay } from '../js/format.js';
import { html } from '../js/html.js';
import { colour, dark, theme } from '../js/theme.js';

/** @typedef {{at_ms: number[], value: (number | null)[], low: (number | null)[], high: (number | null)[], beside?: (number | null)[]}} Points */
/** @typedef {{at_ms: number, kind: 'change' | 'onset', says: string}} Mark */

// From where to where it goes: zero is the floor of what cannot be negative, and the time before there was a band sets no scale.
/** Lengths of time and shares: their zero means something, so their picture begins there. */
const FROM_ZERO = new Set(['s', 'ms', 'us', 'ns', 'min', 'h', '1', '%', '']);
/** Degrees and decibels may be negative; little else that is measured of software is. */
const SIGNED = new Set(['Cel', 'dB', 'dBm', 'V']);

/** @param {Points} p @param {string} unit */
const isNonNegative = (p, unit) => !SIGNED.has(unit) && p.value.every((v) => v === null || v >= 0);

/** The band as it can be: never below zero where no value can be. @param {Points} p @param {string} unit */
export const lows = (p, unit) => (isNonNegative(p, unit) ? p.low.map((v) => (v === null ? null : Math.max(0, v))) : p.low);

/** Floor and ceiling of the picture. @param {Points} p @param {string} unit @returns {[number, number]} */
export function limits(p, unit) {
  const expected = p.high.findIndex((v) => v !== null), from = Math.max(0, expected);
  let low = Infinity, high = -Infinity;
  for (const column of [p.value, lows(p, unit), p.high, p.beside ?? []]) {
    for (let i = from; i < column.length; i += 1) {
      const v = column[i];
      if (v === null || v === undefined) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (low > high) return [0, 1];
  const never = isNonNegative(p, unit), room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  if (never && (FROM_ZERO.has(unit) || low < high * 0.6)) return [0, high + (high - 0) * 0.08 || 1];
  return [never ? Math.max(0, low - room) : low - room, high + room];
}

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

/** @param {string} unit @param {number} width @param {() => Mark[]} marks @param {() => [number, number]} range @returns {import('uplot').Options} */
function options(unit, width, marks, range) {
  const ink = colour('--muted'), grid = { stroke: colour('--line'), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const none = { show: false };
  return {
    width, height: 144, padding: [8, 20, 0, 0], legend: none, plugins: [marksPlugin(marks)],
    cursor: { x: true, y: false, points: none, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range } },
    axes: [
      { stroke: ink, grid: none, ticks: { ...grid, size: 4 }, font, space: 72, size: 28, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((s) => timeOfDay(s * 1000, (at[1] ?? 60) - at[0] < 60).split(', ').at(-1) ?? '') },
      { stroke: ink, grid, ticks: none, font, space: 32, size: 56, values: (/** @type {any} */ _, /** @type {number[]} */ v) => v.map((n) => quantity(n, unit, Math.max(...v.map(Math.abs)))) },
    ],
    series: [
      {},
      { stroke: 'transparent', points: none },
      { stroke: 'transparent', points: none },
      { stroke: colour('--accent'), width: 1.75, points: none },
      { stroke: colour('--text'), width: 1.75, dash: [6, 4], points: none },
    ],
    bands: [{ series: [2, 1], fill: colour('--band') }],
  };
}

/** @param {Points} p @param {string} unit @returns {any} */
const columns = (p, unit) => [p.at_ms.map((ms) => ms / 1000), lows(p, unit), p.high, p.value, p.beside ?? p.at_ms.map(() => null)];

/** What the picture shows, for those who cannot see it. @param {Points} p @param {string} unit @param {string} name */
function inWords(p, unit, name) {
  let i = p.value.length - 1;
  while (i > 0 && p.value[i] === null) i -= 1;
  const now = p.value[i] ?? null, low = lows(p, unit)[i] ?? null, high = p.high[i] ?? null;
  if (now === null) return `${name}: no data`;
  return `${name}: last ${quantity(now, unit)}${low === null || high === null ? '' : `, expected ${quantity(low, unit)} to ${quantity(high, unit)}`}`;
}

/** `says` stands in place of the words for one series and its band. @param {{points: Points, unit: string, name: string, marks: Mark[], says?: string}} props */
export function Chart({ points, unit, name, marks, says }) {
  const ref = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef({ marks, limits: /** @type {[number, number]} */ ([0, 1]) });
  latest.current = useMemo(() => ({ marks, limits: limits(points, unit) }), [points, marks, unit]);
  useEffect(() => {
    const box = ref.current;
    if (!box) return undefined;
    const Plot = uPlotOf();
    plot.current = new Plot(options(unit, box.clientWidth, () => latest.current.marks, () => latest.current.limits), columns(points, unit), box);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: 144 }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [unit, theme.value, dark.value]);
  useEffect(() => plot.current?.setData(columns(points, unit)), [points, marks]);
  const has = (/** @type {string} */ kind) => marks.some((mark) => mark.kind === kind);
  const words = says ?? inWords(points, unit, name);
  return html`<figure><div class="chart" ref=${ref} role="img" aria-label=${words}></div>
    <figcaption class="chart-legend"><span class="value"><i></i>${says ?? words.slice(name.length + 2)}</span>${!says && html`<span class="band"><i></i>expected</span>`}
      ${has('onset') && html`<span class="onset"><i></i>trouble began</span>`}
      ${marks.filter((m) => m.kind === 'change').slice(0, 3).map((m) => html`<span class="change" title=${absolute(m.at_ms)}><i></i>${m.says.slice(0, 60)} ${timeOfDay(m.at_ms, true)}</span>`)}</figcaption></figure>`;
}
