/** From where to where a chart goes: zero is the floor of what cannot be negative, and the time before there was a band does not set the scale. No DOM here. */

/** @typedef {{at_ms: number[], value: (number | null)[], low: (number | null)[], high: (number | null)[]}} Points */

/** Lengths of time and shares: their zero means something, so their picture begins there. */
const FROM_ZERO = new Set(['s', 'ms', 'us', 'ns', 'min', 'h', '1', '%', '']);
/** Degrees and decibels may be negative; little else that is measured of software is. */
const SIGNED = new Set(['Cel', 'dB', 'dBm', 'V']);

/** @param {Points} p @param {string} unit */
export const isNonNegative = (p, unit) => !SIGNED.has(unit) && p.value.every((v) => v === null || v >= 0);

/** The band as it can be: never below zero where no value can be. @param {Points} p @param {string} unit */
export const lows = (p, unit) => (isNonNegative(p, unit) ? p.low.map((v) => (v === null ? null : Math.max(0, v))) : p.low);

/** Floor and ceiling of the picture. @param {Points} p @param {string} unit @returns {[number, number]} */
export function limits(p, unit) {
  const expected = p.high.findIndex((v) => v !== null), from = Math.max(0, expected);
  let low = Infinity, high = -Infinity;
  for (const column of [p.value, lows(p, unit), p.high]) {
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
