import type { CarriedMap } from "../../map/transport.ts";
import { AttachedMap } from "./attached-map.ts";
import { DurableMap } from "./durable-map.ts";
import type { KindTools, MapKind, MapMode } from "./map-kind.ts";
import { PlainMap } from "./plain-map.ts";

/** Makes the `MapKind` for a map's mode. */
export function kindOf(
  map: CarriedMap,
  mode: MapMode,
  tools: KindTools,
  durable: { readonly resumed: boolean; readonly keepMs: number | undefined },
): MapKind {
  switch (mode) {
    case "plain":
      return new PlainMap(map, tools);
    case "durable":
      return new DurableMap(map, tools, durable);
    case "attached":
      return new AttachedMap(map, tools);
    default:
      return mode satisfies never;
  }
}
