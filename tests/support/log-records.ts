import { pino, type Logger } from "pino";

/** A log that is kept, line by line. */
export class LogRecords {
  readonly lines: string[] = [];
  readonly logger: Logger = pino({ level: "trace" }, { write: (line: string) => void this.lines.push(line) });

  /** The records with this message. */
  of(message: string): Readonly<Record<string, unknown>>[] {
    return this.lines
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
      .filter(({ msg }) => msg === message);
  }
}
