import { increment, spin } from "../tasks.ts";

/** The tasks by the names that jobs carry. */
export const TASKS = { increment, spin };

export type TaskName = keyof typeof TASKS;
