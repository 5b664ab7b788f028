import Table from "cli-table3";

/** The sums of one package's files. */
export interface PackageSizes {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
  readonly gzip: number;
  readonly brotli: number;
}

/** With the frame, this many rows fit a terminal of 30 lines. */
const MAX_ROWS = 20;
/** With names cut to this length, the table fits 80 columns. */
const MAX_NAME = 36;

const UNITS = ["B", "kB", "MB", "GB", "TB"];

const FRAME =
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid";
const NO_FRAME = Object.fromEntries(FRAME.split(" ").map((part) => [part, ""]));

/** Writes the packages as a table, the largest first, with their total. */
export function packageTable(packages: readonly PackageSizes[]): string {
  const sorted = packages.toSorted((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name));
  const table = new Table({
    head: ["package", "files", "bytes", "gzip", "brotli"],
    colAligns: ["left", "right", "right", "right", "right"],
    chars: { ...NO_FRAME, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  const rest = sorted.slice(MAX_ROWS);
  table.push(...sorted.slice(0, MAX_ROWS).map(row));
  if (rest.length > 0) table.push(row(sum(`${rest.length} more`, rest)));
  table.push(row(sum("total", sorted)));
  return table.toString();
}

function row({ name, files, bytes, gzip, brotli }: PackageSizes): string[] {
  const shortName = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 1)}…` : name;
  return [shortName, files.toLocaleString("en"), ...[bytes, gzip, brotli].map(humanBytes)];
}

function sum(name: string, packages: readonly PackageSizes[]): PackageSizes {
  const total = { files: 0, bytes: 0, gzip: 0, brotli: 0 };
  for (const one of packages) {
    total.files += one.files;
    total.bytes += one.bytes;
    total.gzip += one.gzip;
    total.brotli += one.brotli;
  }
  return { name, ...total };
}

function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999,950 is 1.0 MB: as kB it would be rounded up to 1000.0.
  for (; unit < UNITS.length - 1 && value >= (unit === 0 ? 1000 : 999.95); unit++) value /= 1000;
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit] ?? ""}`;
}
