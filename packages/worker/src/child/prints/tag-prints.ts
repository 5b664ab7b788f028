/** Tells the supervisor which item prints what: whenever another item prints, a tag is written before its text. */

import { ownerOf } from "../../item/item-context.ts";
import { tagOf } from "../../pipe/output-tag.ts";
import { currentTaskContext } from "../../task/task-context.ts";
import type { TaskContext } from "../../task/task-context.ts";

type Write = typeof process.stdout.write;

/** Puts tags into what this process prints. Gives a function to call when an item ends. */
export function tagPrints(): () => void {
  const streams = [process.stdout, process.stderr].map(tagStream);
  return () => {
    for (const untag of streams) untag();
  };
}

function tagStream(stream: NodeJS.WriteStream): () => void {
  const write: Write = stream.write.bind(stream);
  let tagged: TaskContext | undefined;
  const tag = (context: TaskContext | undefined): void => {
    if (context === tagged) return;
    tagged = context;
    write(
      tagOf(
        context === undefined
          ? undefined
          : {
              mapId: context.mapId,
              index: context.index,
              task: ownerOf(context)?.task ?? "",
            },
      ),
    );
  };
  stream.write = ((...args: Parameters<Write>) => {
    tag(currentTaskContext());
    return write(...args);
  }) as Write;
  // Writes an empty tag when an item ends: what Node prints when the process crashes would otherwise be attributed to
  // that item.
  return () => tag(undefined);
}
