/** Which colour each map has, so that it is known again in a lane, in a table and after the page was loaded again. */

/**
 * What is known of the maps: those that are told of, and those that were seen to run of late.
 *
 * @typedef {object} KnownMaps
 * @property {(mapId: string) => string | undefined} stateOf `undefined` if its producer has not told of it
 * @property {() => Iterable<string>} seen ids of maps that run, or ran in the last minute
 */

const COLORS = 8;

export class MapColors {
  /** @type {Map<string, string>} */
  #colors = new Map();

  /**
   * By the map's id, unless one that has not ended has that colour. Runs of a map are seen before its producer tells of it,
   * so a map that is not told of has not ended.
   *
   * @param {string} mapId
   * @param {KnownMaps["stateOf"]} stateOf
   */
  of(mapId, stateOf) {
    const known = this.#colors.get(mapId);
    if (known !== undefined) return known;
    const under = [...this.#colors].filter(([id]) => (stateOf(id) ?? "running") === "running");
    const taken = new Set(under.map(([, color]) => color));
    const first = hash(mapId);
    let color = `c${first % COLORS}`;
    for (let next = 1; next < COLORS && taken.has(color); next++) color = `c${(first + next) % COLORS}`;
    this.#colors.set(mapId, color);
    return color;
  }

  /** Forgets the maps that are neither told of nor seen. @param {KnownMaps} maps */
  forget({ stateOf, seen }) {
    const untold = [...this.#colors.keys()].filter((id) => stateOf(id) === undefined);
    if (untold.length === 0) return;
    const there = new Set(seen());
    for (const id of untold) if (!there.has(id)) this.#colors.delete(id);
  }
}

/** A number from a text (FNV-1a). @param {string} text */
function hash(text) {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
