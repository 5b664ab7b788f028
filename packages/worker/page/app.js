/**
 * The dashboard's page. One way: an event of the server changes the model, and the page is drawn from the model.
 * What users' code made (names, messages, stacks) gets into the page as text only: everything is drawn by `h`, and the
 * server's policy forbids the browser to make markup of text.
 */

import { h, render } from "./preact.js";
import { ItemPage } from "./item-page.js";
import { MachinePage } from "./machine-page.js";
import { MapPage } from "./map-page.js";
import { Model } from "./model.js";
import { Overview } from "./overview.js";

/**
 * @typedef {import("./model.js").Actions} Actions
 * @typedef {import("../src/feed/messages.ts").StartMessage} StartMessage
 * @typedef {import("../src/feed/messages.ts").TickMessage} TickMessage
 * @typedef {import("../src/feed/messages.ts").TroubleMessage} TroubleMessage
 */

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const wanted = new URLSearchParams(location.search).get("queue");
const ofQueue = wanted === null ? "" : `?queue=${encodeURIComponent(wanted)}`;

/** @type {Model | undefined} */
let model;
/** Why what is shown is not how it is now. @type {string | undefined} */
let trouble;
/** What came of the last action. @type {string | undefined} */
let notice;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let forgetting;
const NOTICE_MS = 8_000;
/** The server was asked for something, and has not answered. */
let acting = false;

const events = new EventSource(`/events${ofQueue}`);
events.addEventListener("start", (event) => {
  const before = model;
  model = new Model(/** @type {StartMessage} */ (messageOf(event)));
  // When the connection is made anew, the page stays as the user has opened it.
  if (before !== undefined) {
    model.toggled = before.toggled;
    model.filter = before.filter;
  }
  trouble = undefined;
  draw();
});
events.addEventListener("tick", (event) => {
  model?.add(/** @type {TickMessage} */ (messageOf(event)));
  trouble = undefined;
  draw();
});
events.addEventListener("trouble", (event) => {
  trouble = /** @type {TroubleMessage} */ (messageOf(event)).reason;
  draw();
});
events.addEventListener("error", () => {
  const gone = events.readyState === EventSource.CLOSED;
  trouble = gone
    ? "Not logged in any more, or no such queue. Load the page again."
    : "The dashboard does not answer";
  draw();
});
window.addEventListener("hashchange", () => {
  say(undefined);
  window.scrollTo(0, 0);
  draw();
});

/** @type {Actions} */
const actions = {
  filter(filter) {
    if (model !== undefined) model.filter = filter;
    draw();
  },
  toggle(id, other) {
    if (other) model?.toggled.add(id);
    else model?.toggled.delete(id);
    draw();
  },
  cancel(map) {
    if (
      !confirm(
        `Cancel ${map.task} (${map.id})? What runs of it is stopped, and its caller gets a CancelledError.`,
      )
    )
      return;
    act(
      "cancel",
      { map: map.id },
      {
        success: () => `${map.task} is being cancelled`,
        failure: (why) => `Not cancelled: ${why}`,
      },
    );
  },
  retry(map) {
    act("retry", { map: map.id }, { success: (what) => what, failure: (why) => `Not retried: ${why}` });
  },
  drain(machine) {
    if (!confirm(`Drain ${machine.host} (${machine.id})? It finishes what it runs, and ends.`)) return;
    act(
      "drain",
      { worker: machine.id },
      {
        success: (what) => `${machine.host}: ${what}`,
        failure: (why) => `Not drained: ${why}`,
      },
    );
  },
  resize(machine, processes) {
    act(
      "resize",
      { worker: machine.id, processes: String(processes) },
      {
        success: () => `${machine.host} has ${processes} processes`,
        failure: (why) => `Not resized: ${why}`,
      },
    );
  },
};

/** Says what came of an action, for as long as it takes to read. @param {string | undefined} text */
function say(text) {
  clearTimeout(forgetting);
  notice = text;
  if (text !== undefined) forgetting = setTimeout(() => (say(undefined), draw()), NOTICE_MS);
}

/**
 * Asks the server to do something, and says what came of it. Clicks that follow before that do nothing.
 *
 * @param {"cancel" | "retry" | "drain" | "resize"} action
 * @param {Record<string, string>} what
 * @param {{ success: (text: string) => string, failure: (why: string) => string }} said
 */
function act(action, what, { success, failure }) {
  if (acting) return;
  acting = true;
  const query = new URLSearchParams({ queue: model?.view.queue ?? "", ...what });
  fetch(`/${action}?${query}`, { method: "POST" })
    .then(async (response) => {
      const text = (await response.text()).trim();
      say(response.ok ? success(text) : failure(text));
    })
    .catch((/** @type {Error} */ error) => {
      say(failure(error.message));
    })
    .finally(() => {
      acting = false;
      draw();
    });
}

/** @param {Event} event @returns {unknown} */
function messageOf(event) {
  return JSON.parse(String(/** @type {MessageEvent<unknown>} */ (event).data));
}

function draw() {
  document.title = `${model === undefined ? "" : `${model.view.queue} · `}poolmq`;
  render(h(App, {}), root);
}

function App() {
  return h(
    "div",
    { class: trouble === undefined ? "" : "stale" },
    h(Header, {}),
    h(
      "div",
      { role: "status" },
      trouble === undefined
        ? null
        : h("p", { class: "trouble" }, trouble, model === undefined ? "" : ". Shown is how it was before."),
      notice === undefined ? null : h("p", { class: "notice" }, notice),
    ),
    model === undefined
      ? trouble === undefined
        ? h("p", { class: "quiet" }, "Looking at the queue …")
        : null
      : h(Page, { model }),
    model === undefined ? null : h(Footer, { model }),
  );
}

/** The one that the address names. @param {{ model: Model }} props */
function Page({ model }) {
  const [, kind, id, , index] = /^#\/(maps|machines)\/([^/]+)(\/items\/(\d+))?$/.exec(location.hash) ?? [];
  if (id === undefined) return h(Overview, { model, actions });
  const named = decodeURIComponent(id);
  if (kind === "machines") return h(MachinePage, { key: named, model, actions, id: named });
  if (index === undefined) return h(MapPage, { key: named, model, actions, mapId: named });
  return h(ItemPage, { key: `${named} ${index}`, model, mapId: named, index: Number(index) });
}

function Header() {
  const queue = model?.view.queue ?? wanted ?? "";
  const queues = model?.queues ?? [];
  return h(
    "header",
    {},
    h(
      "h1",
      {},
      h("a", { href: "#/" }, h("img", { src: "/page/icon.svg", alt: "", width: 24, height: 24 }), "poolmq"),
    ),
    queues.length > 1
      ? h(
          "label",
          {},
          h("span", { class: "hidden" }, "Queue"),
          h(
            "select",
            {
              value: queue,
              onChange: (/** @type {Event} */ event) => {
                const name = /** @type {HTMLSelectElement} */ (event.currentTarget).value;
                location.href = `/?queue=${encodeURIComponent(name)}`;
              },
            },
            queues.map((name) => h("option", { key: name, value: name }, name)),
          ),
        )
      : h("span", { class: "queue" }, queue),
    h(
      "span",
      { class: `live${trouble === undefined && model !== undefined ? "" : " off"}` },
      trouble === undefined ? "live" : "not live",
    ),
  );
}

/** @param {{ model: Model }} props */
function Footer({ model: { jobPages, writable } }) {
  return h(
    "footer",
    { class: "quiet" },
    "path" in jobPages
      ? h("a", { href: `${jobPages.path}/` }, "Pages of single jobs")
      : h("span", {}, "Pages of single jobs: ", h("code", {}, jobPages.missing)),
    h(
      "span",
      {},
      writable
        ? "Maps can be cancelled and retried from here, and machines drained and resized"
        : "Read-only; --write lets it cancel and retry maps, and drain and resize machines",
    ),
  );
}

draw();
