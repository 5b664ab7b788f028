/** Numbers as people read them. */

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** @param {number} value */
export function count(value) {
  return NUMBER.format(value);
}

/** `1,204` and `1.2M`: for where there is little room. @param {number} value */
export function short(value) {
  if (value !== 0 && Math.abs(value) < 10) return String(Number(value.toPrecision(2)));
  return Math.abs(value) < 10_000 ? NUMBER.format(value) : COMPACT.format(value);
}

/** `0.4 ms`, `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. @param {number} ms */
export function duration(ms) {
  if (ms < 1_000) return `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`;
  const s = ms / 1_000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 3_600) return twoUnits(s, 60, "min", 1, "s");
  if (s < 86_400) return twoUnits(s, 3_600, "h", 60, "min");
  return twoUnits(s, 86_400, "d", 3_600, "h");
}

/**
 * @param {number} s
 * @param {number} large
 * @param {string} largeName
 * @param {number} small
 * @param {string} smallName
 */
function twoUnits(s, large, largeName, small, smallName) {
  const whole = Math.floor(s / large);
  const rest = Math.floor((s % large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

/** @param {number} value */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  const scaled = value / 1024 ** power;
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power]}`;
}

/** `3, 5, 7–9`. @param {readonly number[]} indices */
export function ranges(indices) {
  /** @type {[from: number, to: number][]} */
  const found = [];
  for (const index of indices.toSorted((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && index === last[1] + 1) last[1] = index;
    else found.push([index, index]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

/** @param {number} value @param {string} one @param {string} [more] */
export function plural(value, one, more = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : more}`;
}
