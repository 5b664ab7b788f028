/** The exit codes of the commands that look at a queue. Scripts may rely on them. */
export const EXIT = { fine: 0, error: 1, usage: 2, notFound: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For the help of the commands that look for one map. */
export const EXIT_CODES_HELP = `
Exit codes:
  0  fine
  1  it did not work: Redis does not answer, for one
  2  the command line is wrong
  3  there is no such map`;

/** For the help of the others. */
export const EXIT_CODES_WITHOUT_MAP_HELP: string = EXIT_CODES_HELP.split("\n").slice(0, -1).join("\n");
