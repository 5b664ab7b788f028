/**
 * Finds the Python that runs a competitor. The system's is tried first, because the distribution's packages are installed
 * for it.
 */

import { spawnSync } from "node:child_process";

const PYTHONS = ["/usr/bin/python3", "python3"];

/** The first Python that has all the modules. */
export function findPython(modules: readonly string[]): string | undefined {
  return PYTHONS.find(
    (python) => runPython(python, modules.map((name) => `import ${name}`).join("; ")) !== undefined,
  );
}

/** The version of a module, or of Python itself. */
export function pythonVersion(module?: string): string | undefined {
  const code = module
    ? `import ${module}; print(${module}.__version__)`
    : "import platform; print(platform.python_version())";
  const python = findPython(module ? [module] : []);
  return python === undefined ? undefined : runPython(python, code);
}

function runPython(python: string, code: string): string | undefined {
  const { status, stdout } = spawnSync(python, ["-c", code], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
