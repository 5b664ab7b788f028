import { Command } from "../clients/clients.ts";
import type { Redis } from "ioredis";
import type { Writable } from "node:stream";

import { lend } from "../values/memory.ts";
import { writeAllButLast } from "./send-bytes.ts";
import type { Argument } from "./send-bytes.ts";

/**
 * Runs commands as one transaction, which nobody sees half of. Large buffers among their arguments are not copied, as they
 * would be by `multi()` of ioredis. Gives the answer to the last command.
 *
 * All commands are written in one go, by the last of them. If the connection is lost before anything was answered, ioredis
 * sends them again, all or none; afterwards it rejects.
 *
 * @throws Error the first one with which Redis refused one of the commands. The others may have run
 */
export async function sendTransaction(
  redis: Redis,
  commands: readonly (readonly [name: string, ...args: Argument[]])[],
): Promise<unknown> {
  const all = [["multi"], ...commands, ["exec"]] as const;
  const buffers = commands.flat().filter((arg): arg is Buffer => typeof arg === "object");
  const ends = buffers.map(lend);
  const answers = all.map(async ([name, ...args], place) => {
    const isLast = place === all.length - 1;
    const command = new PartCommand(name, [...args], { replyEncoding: "utf8" });
    command.text = isLast ? all : [];
    // By these, ioredis knows what belongs together when a connection is lost.
    command.pipelineIndex = place;
    command.inTransaction = place > 0;
    return await redis.sendCommand(command);
  });
  // If a command is refused before it is queued, its own answer says why, and that to EXEC does not.
  const [exec, refused] = await Promise.allSettled(answers).then((settled) => [
    settled.at(-1),
    settled.find(({ status }) => status === "rejected"),
  ]);
  if (refused?.status === "rejected") throw refused.reason;
  for (const end of ends) end();
  const replies = exec?.status === "fulfilled" ? (exec.value as unknown[]) : [];
  for (const reply of replies) if (reply instanceof Error) throw reply;
  return replies.at(-1);
}

/** A command of a transaction. Only the last one writes: the text of all of them. */
class PartCommand extends Command {
  text: readonly (readonly Argument[])[] = [];

  override toWritable(socket: Writable): string {
    return this.text.length === 0 ? "" : writeAllButLast(socket, this.text);
  }
}

/** Whether each connection may use transactions, once that was tried. */
const tried = new WeakMap<Redis, Promise<boolean>>();

/**
 * Whether a connection may use transactions. The login may lack the right, because it was made before poolmq used them, or
 * the server may have renamed the command. This is found out with an empty transaction, once for each connection: the
 * commands of another one would be run one by one, and others could see half of it.
 */
export async function mayTransact(redis: Redis): Promise<boolean> {
  const known = tried.get(redis) ?? tryTransaction(redis);
  tried.set(redis, known);
  try {
    return await known;
  } catch (error) {
    tried.delete(redis);
    throw error;
  }
}

async function tryTransaction(redis: Redis): Promise<boolean> {
  try {
    await sendTransaction(redis, []);
    return true;
  } catch (error) {
    if (isForbidden(error)) return false;
    throw error;
  }
}

/** Lets `mayTransact` say no from now on. */
export function dontTransact(redis: Redis): void {
  tried.set(redis, Promise.resolve(false));
}

/** Whether the server does not have a command, or the login may not use it. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && /NOPERM|unknown command/.test(error.message);
}
