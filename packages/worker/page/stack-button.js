/** Shows where in its code a process is, when somebody asks. */

import { Component, h } from "./preact.js";

/** @extends {Component<{ queue: string, worker: string, pid: number }, { frames: readonly string[] | undefined, problem: string | undefined, asking: boolean }>} */
export class StackButton extends Component {
  /** @override */
  state = {
    frames: /** @type {readonly string[] | undefined} */ (undefined),
    problem: /** @type {string | undefined} */ (undefined),
    asking: false,
  };

  /** @override */
  render() {
    const { frames, problem, asking } = this.state;
    const { pid } = this.props;
    return h(
      "div",
      { class: "stack" },
      h(
        "button",
        { type: "button", disabled: asking, "aria-label": `Stack of process ${pid}`, onClick: this.ask },
        "Stack",
      ),
      problem === undefined ? null : h("p", { class: "bad" }, problem),
      frames === undefined
        ? null
        : frames.length === 0
          ? h(
              "p",
              { class: "quiet" },
              "It runs no code of its tasks at this moment: it waits, or is in native code.",
            )
          : h("pre", { tabIndex: 0, "aria-label": `Stack of process ${pid}` }, frames.join("\n")),
    );
  }

  ask = () => {
    const { queue, worker, pid } = this.props;
    this.setState({ asking: true });
    fetch(`/stack?${new URLSearchParams({ queue, worker, pid: String(pid) })}`, { method: "POST" })
      .then(async (response) => {
        if (!response.ok) throw new Error((await response.text()).trim());
        const { frames, problem } = /** @type {{ frames?: string[], problem?: string }} */ (
          await response.json()
        );
        this.setState({ frames, problem });
      })
      .catch((/** @type {Error} */ error) => this.setState({ problem: error.message }))
      .finally(() => this.setState({ asking: false }));
  };
}
