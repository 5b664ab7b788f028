import axe from "axe-core";
import { describe, expect, test } from "vitest";
import type { Page } from "playwright-core";

import type * as dashboardTasks from "../fixtures/dashboard-tasks.ts";
import { browserForFile, NO_BROWSER } from "./browser.ts";
import { startDashboard } from "../support/dashboard.ts";
import { redisForFile } from "../support/redis-server.ts";
import { hostOf, ToldFleet } from "../support/told-fleet.ts";
import { Marks, rejection, Stage } from "../support/stage.ts";
import { Watched } from "../support/watched.ts";

const redis = redisForFile();
const visit = browserForFile();

/** Producers and machines tell of themselves once a second, and a loaded machine takes its time. */
const PATIENT = { timeout: 15_000 };

const PHONE = { viewport: { width: 360, height: 740 } };
const TOKEN = "a-token-of-the-tests";

/** Markup, and what templates and frameworks take for markup. Each would set `pwned` if it ran. */
const HOSTILE = [
  `<img src=x onerror="window.pwned=1">`,
  `<script>window.pwned=2</script>`,
  `"><svg onload=window.pwned=3>`,
  `</pre></details><iframe srcdoc="<script>parent.pwned=4</script>">`,
  `'><a href="javascript:window.pwned=5">x</a>`,
  `{{constructor.constructor('window.pwned=6')()}} \${window.pwned=7}`,
  `{"__html":"<img src=x onerror=window.pwned=8>"}`,
  `<!--</script><style>body{display:none}</style>`,
];

/** Waits until the page says this. */
async function says(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).filter({ visible: true }).first().waitFor();
}

/** What axe finds wrong with what is shown, for who can't see it or sees little. */
async function complaintsOfAxe(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

describe.skipIf(NO_BROWSER)("the page", () => {
  test("shows a map that runs, moves on with it, and shows how it ended", async () => {
    const stage = new Watched(redis());
    await stage.workers(2);
    const { page } = await visit(await startDashboard({ url: redis().url, queue: stage.queue }));
    await says(page, /^No maps\./);
    const map = stage.client().map("step", stage.steps("end", "end", "wait"));
    const bar = page.getByRole("progressbar", { name: "Progress of step" });
    await expect.poll(() => bar.getAttribute("aria-valuetext"), PATIENT).toBe("2 of 3 (66%)");
    await says(page, /^step #2, /);
    expect(await page.getByRole("row", { name: /^step/ }).textContent()).toContain("running");
    stage.marks.open();
    await map;
    await expect.poll(() => bar.getAttribute("aria-valuetext"), PATIENT).toBe("3 of 3 (100%)");
    await expect
      .poll(() => page.getByRole("row", { name: /^step/ }).textContent(), PATIENT)
      .toContain("done");
    // What the processes ran stays for a minute.
    expect(await page.locator(".lane-plot rect title").allTextContents()).toContainEqual(
      expect.stringMatching(/^step: /),
    );
  });

  test("has a page for each map, which can be linked to", async () => {
    const stage = new Watched(redis());
    await stage.workers();
    const url = await startDashboard({ url: redis().url, queue: stage.queue });
    const { page } = await visit(url);
    const map = stage.client().map("step", stage.steps("end", "wait"));
    await page.getByRole("link", { name: "step" }).click();
    await says(page, "Run time of items");
    await says(page, "1 of 2 (50%)");
    await says(page, /^step #1, /);
    const { page: linked } = await visit(`${url}/#/maps/${map.id}`);
    await says(linked, "1 of 2 (50%)");
    await linked.getByRole("link", { name: "← All maps" }).click();
    await says(linked, "Jobs waiting");
  });

  test("groups errors of a kind, with their items and one stack", async () => {
    const stage = new Watched(redis());
    await stage.workers();
    const { page } = await visit(await startDashboard({ url: redis().url, queue: stage.queue }));
    const map = stage.client().map("step", stage.steps("fail", "end", "fail", "fail", "wait"));
    const group = page.locator(".errors summary");
    await expect
      .poll(() => group.allTextContents(), PATIENT)
      .toEqual([expect.stringMatching(/^3×RangeError: e\.g\. row \d is not there/)]);
    await group.click();
    expect(await page.locator(".errors details p").textContent()).toContain("items 0, 2–3");
    expect(await page.locator(".errors pre").textContent()).toMatch(/watched-tasks\.ts:\d+/);
    // The next looks leave it open.
    stage.marks.open();
    await rejection(map);
    await expect
      .poll(() => page.getByRole("progressbar").getAttribute("aria-valuetext"), PATIENT)
      .toBe("5 of 5 (100%), 3 failed");
    expect(await page.locator(".errors pre").isVisible()).toBe(true);
  });

  test("takes nothing that users' code says for markup", async () => {
    const stage = new Stage(redis());
    // Two: jobs of one burst may begin in another order, and the item that waits must not hold up the others.
    await stage.machine({
      module: new URL("../fixtures/dashboard-tasks.ts", import.meta.url),
      processes: 2,
    });
    const { page } = await visit(await startDashboard({ url: redis().url, queue: stage.queue }));
    const told = HOSTILE.flatMap((text) => [
      { name: "Error", message: text },
      { name: text, message: "" },
    ]);
    const marks = new Marks();
    const items = [...told, { gate: marks.gate }];
    const map = stage.pool<typeof dashboardTasks>().map("fail", items);
    const groups = page.locator(".errors details");
    await expect.poll(() => groups.count(), PATIENT).toBe(told.length);
    for (const group of await groups.all()) await group.locator("summary").click();
    const shown = await page.locator(".errors").innerText();
    for (const text of HOSTILE) expect(shown).toContain(text);
    await page.getByRole("link", { name: "fail", exact: true }).click();
    await expect.poll(() => groups.count(), PATIENT).toBe(told.length);
    marks.open();
    await rejection(map);
    expect(await page.evaluate(() => "pwned" in globalThis)).toBe(false);
    expect(
      await page.locator("iframe, script:not([src]), style, [onerror], #app img:not(h1 img)").count(),
    ).toBe(0);
  });

  test("cancels a map, if it may", async () => {
    const stage = new Watched(redis());
    await stage.workers();
    const at = { url: redis().url, queue: stage.queue };
    const [writable, readOnly] = await Promise.all([startDashboard(at, ["--write"]), startDashboard(at)]);
    const map = stage.client().map("step", stage.steps("end", "wait"));
    const { page: reader } = await visit(readOnly);
    await reader.getByRole("progressbar").waitFor();
    expect(await reader.getByRole("button").count()).toBe(0);
    const { page } = await visit(writable);
    const button = page.getByRole("button", { name: `Cancel step ${map.id}` });
    page.once("dialog", (dialog) => void dialog.dismiss());
    await button.click();
    page.once("dialog", (dialog) => void dialog.accept());
    await button.click();
    expect(await rejection(map)).toMatchObject({
      code: "CANCELLED",
      message: `Map ${map.id} was cancelled: from the dashboard`,
    });
    await says(page, "step is being cancelled");
    await says(page, /^cancelled$/);
    await button.waitFor({ state: "detached" });
  });

  test("runs the failed items of a kept map again, if it may", async () => {
    const stage = new Watched(redis());
    await stage.workers(2);
    const at = { url: redis().url, queue: stage.queue };
    const [writable, readOnly] = await Promise.all([startDashboard(at, ["--write"]), startDashboard(at)]);
    const pool = stage.client();
    const map = pool.map("step", stage.steps("fail", "end", "fail", "wait"), { mapId: "kept" });
    const [{ page }, { page: reader }] = await Promise.all([
      visit(`${writable}/#/maps/kept`),
      visit(`${readOnly}/#/maps/kept`),
    ]);
    const button = page.getByRole("button", { name: "Retry failed items" });
    await says(page, "3 of 4 (75%), 2 failed");
    // Its producer still waits for another item.
    expect(await button.count()).toBe(0);
    stage.marks.open();
    await rejection(map);
    await button.waitFor();
    await says(reader, "4 of 4 (100%), 2 failed");
    expect(await reader.getByRole("button").count()).toBe(0);
    await button.click();
    await says(page, '2 items of kept run again: attach("kept") gets them');
    await button.waitFor({ state: "detached" });
    expect(await pool.attach("kept")).toEqual([0, 1, 2, 3]);
    await says(page, /^done$/);
    await says(page, "4 of 4 (100%)");
  });

  test("says why failed items are not run again", async () => {
    const stage = new Watched(redis());
    await stage.workers(2);
    const url = await startDashboard({ url: redis().url, queue: stage.queue }, ["--write"]);
    const map = stage.client().map("step", stage.steps("fail", "wait"), { mapId: "kept" });
    const { page, complaints } = await visit(`${url}/#/maps/kept`);
    await says(page, "1 of 2 (50%), 1 failed");
    stage.marks.open();
    await rejection(map);
    const button = page.getByRole("button", { name: "Retry failed items" });
    await button.waitFor();
    // As when somebody else has been quicker by a moment.
    await page.route("**/retry?*", async (route) => {
      await redis().admin.unlink(stage.keys.failed("kept"));
      await route.continue();
    });
    await button.click();
    await says(page, "Not retried: kept has no failed items that could run again");
    expect(complaints.splice(0)).toEqual([expect.stringContaining("409")]);
  });

  test("has a page for a machine and for an item, in which axe finds nothing, light, dark and on a phone", async () => {
    const stage = new Watched(redis());
    const machine = await stage.workers(2);
    const url = await startDashboard({ url: redis().url, queue: stage.queue }, ["--write", "--values"]);
    const map = stage.client().map("step", stage.steps("fail", "end", "wait"), { mapId: "kept" });
    const [{ page }, { page: phone }] = await Promise.all([
      visit(url, { colorScheme: "light" }),
      visit(url, { ...PHONE, colorScheme: "dark" }),
    ]);
    await page.getByRole("link", { name: /^Page of / }).click();
    await says(page, "What its processes run");
    await page.getByRole("link", { name: /^step #2, / }).click();
    await says(page, "It runs.");
    expect(await page.getByLabel("Arguments", { exact: true }).textContent()).toMatch(/does: 'wait',\s+x: 2/);
    await page.locator(".facts a").click();
    const busy = page.locator(".processes li").filter({ hasText: "step #2" });
    await busy.getByRole("button", { name: /^Stack of process/ }).click();
    await page.locator(".stack p, .stack pre").first().waitFor();
    page.once("dialog", (dialog) => void dialog.accept());
    await page.getByLabel("Number of processes").fill("1");
    await page.getByRole("button", { name: "Resize" }).click();
    await says(page, /has 1 processes$/);
    // A machine within a program has no log of its own; what the page makes of lines is what axe is to look at.
    const line = {
      atMs: Date.now(),
      host: "a",
      record: { level: 40, task: "step", index: 0, msg: "item threw" },
    };
    for (const shown of [page, phone]) {
      await shown.route("**/lines?*", (route) => route.fulfill({ json: [line] }));
    }
    const pages = ["", `#/machines/${machine.id}`, "#/maps/kept", "#/maps/kept/items/0"];
    for (const at of pages) {
      for (const shown of [page, phone]) {
        await shown.goto(`${url}/${at}`);
        await shown.locator("main h2").first().waitFor();
        await shown.getByText("live", { exact: true }).waitFor();
        // The lines of a log come a moment later.
        if (at !== "") await shown.locator(".log li").first().waitFor();
        expect(await complaintsOfAxe(shown), at).toEqual([]);
        const overflow = await shown.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(overflow, at).toBe(0);
      }
    }
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await complaintsOfAxe(page)).toEqual([]);
    stage.marks.open();
    await rejection(map);
  });

  test("is short enough for a hundred machines and fifty maps, and axe finds nothing, light, dark and on a phone", async () => {
    const stage = new Watched(redis());
    await using _ = await ToldFleet.begin(redis().admin, stage.queue);
    const url = await startDashboard({ url: redis().url, queue: stage.queue }, ["--write"]);
    const sizes = [
      { options: { colorScheme: "light" as const }, maps: 20, cells: 100, most: 6_500 },
      { options: { ...PHONE, colorScheme: "dark" as const }, maps: 6, cells: 12, most: 4_500 },
    ];
    for (const { options, maps, cells, most } of sizes) {
      const { page } = await visit(url, options);
      const [rows, machines] = [page.locator(".maps tbody tr"), page.locator(".machines-grid .cell")];
      await expect.poll(() => machines.count(), PATIENT).toBe(cells);
      expect(await rows.count()).toBe(maps);
      expect(await complaintsOfAxe(page)).toEqual([]);
      const { height, overflow } = await page.evaluate(() => {
        const { scrollHeight, scrollWidth, clientWidth } = document.documentElement;
        return { height: scrollHeight, overflow: scrollWidth - clientWidth };
      });
      expect(overflow).toBe(0);
      expect(height).toBeLessThan(most);
      // Numbers are in the order of numbers, and whole names are shown.
      expect(await machines.locator(".name").nth(2).textContent()).toBe(hostOf(2));
      await page.getByRole("button", { name: `Show ${maps} more of 50 maps` }).click();
      await expect.poll(() => rows.count()).toBe(2 * maps);
      await page.getByLabel("State of machines").selectOption("can't run anything");
      await expect.poll(() => machines.locator(".name").allTextContents()).toEqual([hostOf(17)]);
      await page.getByLabel("State of machines").selectOption("all machines");
      await page.getByLabel("Order of machines").selectOption("trouble first");
      await expect.poll(() => machines.locator(".name").first().textContent()).toBe(hostOf(17));
      await page.emulateMedia({ colorScheme: options.colorScheme === "dark" ? "light" : "dark" });
      expect(await complaintsOfAxe(page)).toEqual([]);
    }
  });

  test("fits a phone, and is dark where that is wanted", async () => {
    const stage = new Watched(redis());
    await stage.workers(3);
    const { page } = await visit(await startDashboard({ url: redis().url, queue: stage.queue }), {
      ...PHONE,
      colorScheme: "dark",
    });
    const map = stage.client().map("step", stage.steps("end", "fail", "wait", "wait"));
    await says(page, /^step #2, /);
    const look = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      background: getComputedStyle(document.documentElement).backgroundColor,
    }));
    expect(look).toEqual({ overflow: 0, background: "rgb(16, 19, 23)" });
    stage.marks.open();
    await rejection(map);
  });

  test("says so when Redis does not answer, and goes on when it does", async () => {
    const stage = new Watched(redis());
    await stage.workers();
    const { page } = await visit(await startDashboard({ url: redis().url, queue: stage.queue }));
    await says(page, "live");
    redis().pause();
    try {
      await says(page, /^Redis does not answer/);
    } finally {
      redis().resume();
    }
    await page.getByText("Redis does not answer").waitFor({ state: "detached" });
  });

  test("shows one of several queues", async () => {
    const [one, other] = [new Watched(redis()), new Watched(redis())];
    await other.workers();
    const { page } = await visit(
      await startDashboard({ url: redis().url, queue: one.queue }, ["-q", other.queue]),
    );
    await says(page, /^No worker machine is alive/);
    await page.getByRole("combobox").selectOption(other.queue);
    await says(page, /0 of 1 busy/);
    expect(await page.title()).toBe(`${other.queue} · poolmq`);
  });

  test("lets in who has the token", async () => {
    const stage = new Watched(redis());
    const url = await startDashboard({ url: redis().url, queue: stage.queue }, [], {
      POOLMQ_DASHBOARD_TOKEN: TOKEN,
    });
    const { page, complaints } = await visit(url);
    await page.getByLabel("Token").fill("another-token-altogether");
    await page.getByRole("button", { name: "Log in" }).click();
    await says(page, "That is not the token.");
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Log in" }).click();
    await says(page, /^No maps\./);
    // Of the page, and of the wrong token.
    const refused = expect.stringContaining("401");
    expect(complaints.splice(0)).toEqual([refused, refused]);
  });

  test("links to pages of single jobs", async () => {
    const stage = new Watched(redis());
    const url = await startDashboard({ url: redis().url, queue: stage.queue });
    const waiting = stage.client().map("step", stage.steps("end"));
    const { page, complaints } = await visit(url);
    await page.getByRole("link", { name: "Pages of single jobs" }).click();
    await page.getByRole("link", { name: stage.queue }).first().click();
    await says(page, waiting.id);
    // Fonts of another site, which are not loaded.
    complaints.length = 0;
    const cancelled = rejection(waiting);
    waiting.cancel();
    await cancelled;
  });
});
