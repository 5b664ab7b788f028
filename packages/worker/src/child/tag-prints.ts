/** Tells the supervisor which item prints what: a tag goes before the text of another item than the last. */

import { ownerOf } from "../item/item-context.ts";
import { tagOf } from "../pipe/output-tag.ts";
import { currentTaskContext } from "../task/task-context.ts";
import type { TaskContext } from "../task/task-context.ts";

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
  // Ends the tag: what Node itself writes when the process crashes bypasses this, and would be taken for the last item's.
  return () => tag(undefined);
}
