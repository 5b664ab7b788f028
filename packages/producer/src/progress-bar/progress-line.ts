/** The text of a progress bar. */

import type { MapProgress } from "../account/map-progress.ts";

const BAR_CHARS = 24;

/** At least this many characters of a title are shown if it is too long for its line. */
const MIN_TITLE_CHARS = 12;

/** Writes `title  ████░░░░  41 %  412 of 1,000  53/s  11 s left`, the most important first, in `width` characters. */
export function barLine(title: string, progress: MapProgress, elapsedMs: number, width: number): string {
  const { total, done, failed, rate, timeLeftMs, ended } = progress;
  const parts = [
    total === undefined ? "" : bar(total, done),
    total === undefined ? `${count(done)} done` : `${count(done)} of ${count(total)}`,
    failed === 0 ? "" : `${count(failed)} failed`,
    rate === 0 ? "" : `${perSecond(rate)}/s`,
    ended || timeLeftMs === undefined ? duration(elapsedMs) : `${duration(timeLeftMs)} left`,
  ];
  const counts = parts.filter((part) => part !== "").join("  ");
  if (title === "") return counts.slice(0, width);
  const room = Math.max(MIN_TITLE_CHARS, width - counts.length - 2);
  const shown = title.length <= room ? title : `${title.slice(0, room - 1)}…`;
  return `${shown}  ${counts}`.slice(0, width);
}

function bar(total: number, done: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.floor(part * BAR_CHARS);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `${"█".repeat(full)}${"░".repeat(BAR_CHARS - full)} ${percent} %`;
}

function count(n: number): string {
  return n.toLocaleString("en");
}

/** A rate with about three digits: 0.25, 5.3, 53, 12,345. */
function perSecond(rate: number): string {
  if (rate >= 10) return count(Math.round(rate));
  return rate >= 1 ? rate.toFixed(1) : rate.toFixed(2);
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  return `${count(hours)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
