/** Inserts people into a table of SQLite: one in a transaction, or many. */

import { DatabaseSync } from "node:sqlite";

import { defineBatchTask } from "@poolmq/worker";

export interface Person {
  readonly id: number;
  readonly name: string;
}

const database = new DatabaseSync(process.env["DATABASE"] ?? ":memory:");
database.exec("CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
const insert = database.prepare("INSERT INTO people VALUES (?, ?)");

/** A transaction for each. */
export function insertOne({ id, name }: Person): number {
  return Number(insert.run(id, name).lastInsertRowid);
}

/**
 * One transaction for all people in the batch. A row that SQLite refuses has an error of its own; the others are
 * inserted.
 */
export const insertMany = defineBatchTask(
  (people: Person[]) => {
    database.exec("BEGIN");
    const inserted = people.map(({ id, name }) => {
      try {
        return Number(insert.run(id, name).lastInsertRowid);
      } catch (error) {
        return error as Error;
      }
    });
    database.exec("COMMIT");
    return inserted;
  },
  { maxItems: 500 },
);

export function countPeople(): number {
  return Number(database.prepare("SELECT count(*) AS n FROM people").get()?.["n"]);
}
