// Looks at the report's page with a browser. .ci/report-page makes the pages and says by MADE, RUN and CHROMIUM where they are.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { ALL_HOSTILE, HOSTILE, SCENARIOS } from "./made.mjs";

const MADE = pathToFileURL(process.env.MADE).href;
const RUN = pathToFileURL(process.env.RUN).href;
const read = (file) => JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(readFileSync(file, "utf8"))[1]);
const data = read(process.env.MADE);
const levels = new Map(data.scenarios.map(({ id, level }) => [id, level]));
const subject = (name) => data.subjects.find((one) => one.subject === name);
const named = (results, status) => results.find((result) => result.status === status && levels.has(result.scenario));

let browser, context, page, trouble;

before(async () => {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
});
after(() => browser?.close());
beforeEach(() => start());
afterEach(async () => {
  assert.deepEqual(trouble, [], "dialogs, errors and requests of the page");
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await context.close();
});

async function start(options = {}) {
  await context?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  page = await context.newPage();
  trouble = [];
  page.on("dialog", (dialog) => { trouble.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on("pageerror", (error) => trouble.push(`error ${error.message}`));
  page.on("console", (message) => trouble.push(`console ${message.text()}`));
  page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) trouble.push(`request ${request.url()}`); });
}

const go = (fragment = "") => page.goto(MADE + fragment);
const shown = () => page.$$eval(".row:not([hidden])", (rows) => rows.map((row) => row.dataset.id));
const hash = () => page.evaluate(() => decodeURIComponent(location.hash));
const found = () => page.textContent("#found");
const row = (id) => page.locator(`.row[data-id="${id}"]`);
/** What the data says is to be listed. */
const wanted = (fits) => data.scenarios.filter(fits).map(({ id }) => id).sort();
const has = (name, ...statuses) => ({ id }) =>
  data.subjects.some((one) => (!name || one.subject === name) && one.results.some((result) => result.scenario === id && statuses.includes(result.status)));

test("the made report has every status, and enough of everything", () => {
  assert.equal(data.scenarios.length, SCENARIOS);
  assert.equal(data.subjects.length, 8);
  const statuses = new Set(data.subjects.flatMap((one) => one.results.map((result) => result.status)));
  assert.deepEqual([...statuses].sort(), ["fail", "known-fail", "pass", "skipped", "unexpected-pass", "unimplemented"]);
});

test("the headline counts what the data says", async () => {
  await go();
  const lead = await page.textContent("#lead");
  const bad = data.subjects.flatMap((one) => one.results.filter((result) =>
    ["fail", "unexpected-pass"].includes(result.status) && (one.own || levels.get(result.scenario) !== "policy")));
  assert.match(lead, new RegExp(`^${SCENARIOS} scenarios held against 7 clients`));
  assert.match(lead, new RegExp(` ${bad.length.toLocaleString("en")} failures count\\b`));
  assert.equal(await page.textContent("#date"), data.date);
});

for (const level of ["must", "policy", "both"]) {
  test(`the numbers of the matrix are those of the data: ${level}`, async () => {
    await go(`#level=${level}`);
    const cells = await page.$$eval(".cell", (all) => all.map((cell) => ({
      name: cell.dataset.subject, area: cell.dataset.area, ratio: cell.querySelector(".ratio").textContent, label: cell.getAttribute("aria-label"),
      widths: Object.fromEntries([...cell.querySelectorAll(".bar span")].map((part) => [part.className, part.style.flexGrow])),
    })));
    assert.equal(cells.length, 7 * (1 + data.areas.length));
    for (const { name, area, ratio, label, widths } of cells) {
      const results = subject(name).results.filter((result) =>
        (!area || result.scenario.startsWith(`${area}/`)) && (level === "both" || (levels.get(result.scenario) ?? result.level) === level));
      const sum = (...statuses) => results.filter((result) => statuses.includes(result.status)).length;
      assert.equal(ratio, `${sum("pass", "unexpected-pass")}/${results.length - sum("skipped")}`, `${name} ${area}`);
      if (sum("fail")) assert.ok(label.includes(`, ${sum("fail")} failed`), label);
      for (const status of ["pass", "fail", "known-fail", "unimplemented", "skipped", "unexpected-pass"]) {
        assert.equal(Number(widths[status] ?? 0), sum(status), `${name} ${area} ${status}`);
      }
    }
  });
}

test("a cell filters the list, and once more does not", async () => {
  await go();
  const cell = page.locator('.cell[data-subject="sdk-node"][data-area="parts"]');
  await cell.click();
  assert.equal(await hash(), "#subject=sdk-node&area=parts");
  assert.deepEqual((await shown()).sort(), [...wanted(({ area, level }) => area === "parts" && level === "must"), "parts/of-an-older-suite"].sort());
  assert.equal(await cell.getAttribute("aria-pressed"), "true");
  await cell.click();
  assert.equal(await hash(), "");
  await page.goBack();
  assert.equal(await page.inputValue("#area"), "parts");
});

test("filters by client, area, status and level", async () => {
  await go();
  await page.click('[data-level="both"]');
  await page.selectOption("#subject", "sdk-go");
  await page.click('[data-status="fail"]');
  assert.deepEqual((await shown()).sort(), wanted(has("sdk-go", "fail")));
  await page.click('[data-status="known-fail"]');
  assert.deepEqual((await shown()).sort(), wanted(has("sdk-go", "fail", "known-fail")));
  const chip = await page.textContent('[data-status="known-fail"] b');
  assert.equal(Number(chip), subject("sdk-go").results.filter((result) => result.status === "known-fail").length);
  await page.selectOption("#subject", "");
  assert.deepEqual((await shown()).sort(), wanted(has("", "fail", "known-fail")));
  await page.selectOption("#area", "gate");
  assert.deepEqual((await shown()).sort(), wanted((one) => one.area === "gate" && has("", "fail", "known-fail")(one)));
  await page.click('[data-level="policy"]');
  assert.deepEqual((await shown()).sort(), wanted((one) => one.area === "gate" && one.level === "policy" && has("", "fail", "known-fail")(one)));
  await page.click("#clear");
  assert.equal((await shown()).length, wanted((one) => one.level === "policy").length);
});

test("searches ids, titles and requirements, every word of them", async () => {
  await go("#level=both");
  await page.fill("#q", "message 217");
  assert.deepEqual((await shown()).sort(), wanted(({ title }) => /message 217\b/.test(title)));
  await page.fill("#q", "NUMBER 41, gate");
  assert.deepEqual((await shown()).sort(), wanted(({ id, area }) => area === "gate" && data.requirements.some((one) => one.text.includes("number") && one.text.includes("41,") && data.scenarios.find((scenario) => scenario.id === id).proves.includes(one.id))));
  await page.fill("#q", "<script>");
  assert.equal((await shown()).length, 1);
  await page.fill("#q", "no such thing (");
  assert.ok(await page.isVisible("#empty"));
  assert.match(await found(), /^0 of /);
});

test("a view is shared by its address", async () => {
  const failed = named(subject("sdk-node").results, "fail");
  await go(`#level=both&subject=sdk-node&status=fail,known-fail&open=${failed.scenario}`);
  assert.deepEqual((await shown()).sort(), wanted(has("sdk-node", "fail", "known-fail")));
  assert.equal(await row(failed.scenario).locator("h3 button").getAttribute("aria-expanded"), "true");
  assert.ok(await row(failed.scenario).evaluate((element) => element.getBoundingClientRect().top < innerHeight));
  const before = await hash();
  await page.reload();
  assert.equal(await hash(), before);
  // Of a policy, without a level: it is shown all the same.
  const policy = data.scenarios.find((one) => one.level === "policy").id;
  await go(`#open=${policy}`);
  await page.reload();
  assert.ok(await row(policy).locator(".body").isVisible());
});

test("an address that means ill changes nothing", async () => {
  await go("#level=x&subject=__proto__&area=%3Cimg%3E&status=fail,constructor&open=toString&q=%3Cimg%20src=x%20onerror=alert(1)%3E");
  assert.equal(await page.inputValue("#subject"), "");
  assert.equal(await page.inputValue("#q"), "<img src=x onerror=alert(1)>");
});

test("an open failure shows its evidence", async () => {
  const failed = subject("sdk-python").results.find((result) => result.status === "fail" && result.line && result.what.startsWith("expected"));
  await go(`#level=both&subject=sdk-python&open=${failed.scenario}`);
  const verdict = page.locator('.verdict[aria-label^="sdk-python"]');
  assert.deepEqual(await verdict.locator(".told dt").allTextContents(), ["Expected", "Instead"]);
  assert.deepEqual(await verdict.locator(".told dd").allTextContents(), ['acked code=200 push="m" within 3000 ms', "there was no acked"]);
  assert.match(await verdict.locator("header").textContent(), new RegExp(`step 2 · line ${failed.line}`));
  assert.equal(await verdict.locator(".seen").count(), failed.evidence.seen.length);
  await verdict.locator("summary").click();
  assert.equal(await verdict.locator(".frame").count(), failed.evidence.frames.length);
  const hex = (await verdict.locator(".hex").first().textContent()).split("\n").map((line) => line.slice(6, 6 + 48)).join(" ").replace(/\s/g, "");
  assert.equal(hex, failed.evidence.frames[0].split("\n").at(-1));
  const hit = page.locator(".source .hit");
  assert.match(await hit.textContent(), /sdk-python/);
  assert.equal(await hit.evaluate((element) => [...element.parentElement.children].indexOf(element) + 1), failed.line);
  const source = await page.$$eval(".source .l", (lines) => lines.map((line) => [...line.childNodes].filter((node) => node.className !== "at").map((node) => node.textContent).join("")).join(""));
  assert.equal(source.trimEnd(), data.scenarios.find(({ id }) => id === failed.scenario).source.trimEnd());
});

test("a real run has evidence that the page understands", async () => {
  const run = read(process.env.RUN).subjects[0];
  const failed = run.results.find((result) => result.status === "fail");
  await page.goto(`${RUN}#level=both&open=${failed.scenario}`);
  assert.deepEqual(await page.locator(".told dt").allTextContents(), ["Expected", "Instead"]);
  assert.equal(await page.locator(".seen b").count(), failed.evidence.seen.length);
  await page.click(".verdict summary");
  assert.equal(await page.locator(".frame .t").count(), failed.evidence.frames.length);
  assert.ok(failed.evidence.frames.length > 0);
  assert.equal(await page.locator(".frame .hex").count(), failed.evidence.frames.length);
});

test("hostile texts are shown, and run nothing", async () => {
  const failed = subject("hostile").results.find((result) => result.evidence?.seen.length === 60);
  await go(`#level=both&subject=hostile&open=${failed.scenario}`);
  for (const summary of await page.locator(".verdict summary").all()) await summary.click();
  const text = await page.locator('.verdict[aria-label^="hostile"]').textContent();
  for (const part of HOSTILE.filter((one) => !/[\u0000-\u001f\u2028-\u202e"]/.test(one))) assert.ok(text.includes(part), part);
  assert.ok(text.includes("⟨U+202E⟩gnp.exe") && text.includes("␀␇␛[31mred"), "what cannot be seen is named");
  assert.equal(await page.locator("img, iframe, object, #main script, [onerror]").count(), 0);
  assert.ok((await page.textContent("#runs")).includes(ALL_HOSTILE.slice(0, 60)));
  await page.waitForTimeout(200);
});

test("huge evidence is cut, and all of it is to be had", async () => {
  const failed = subject("hostile").results.find((result) => result.evidence?.seen.length === 60);
  await go(`#level=both&subject=hostile&open=${failed.scenario}`);
  const more = page.locator(".verdict .more", { hasText: "200,000" });
  await more.click();
  assert.ok((await page.locator('.verdict[aria-label^="hostile"]').textContent()).includes("y".repeat(200_000)));
});

test("370 scenarios of 8 clients do not lag", async () => {
  await go();
  const took = await page.evaluate(() => {
    const start = performance.now();
    const q = document.getElementById("q");
    for (const text of ["a", "ab", "", "message", ""]) {
      q.value = text;
      q.dispatchEvent(new Event("input"));
      document.body.getBoundingClientRect();
    }
    return (performance.now() - start) / 5;
  });
  // A tenth of that on an idle machine; a machine that is busy is not the page's fault.
  assert.ok(took < 400, `${took} ms for a letter`);
});

test("the command is copied", async () => {
  await start({ permissions: ["clipboard-read", "clipboard-write"] });
  const failed = named(subject("sdk-node").results, "fail");
  await go(`#level=both&subject=sdk-node&open=${failed.scenario}`);
  const button = page.locator('.verdict[aria-label^="sdk-node"] .copy');
  await button.click();
  await page.waitForFunction(() => document.getElementById("said").textContent === "Copied");
  assert.equal(await button.textContent(), "Copied");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), failed.repeat);
});

test("everything is done by keyboard", async () => {
  await go();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const [first, second] = await shown();
  const focused = () => page.evaluate(() => document.activeElement.closest(".row")?.dataset.id);
  assert.equal(await focused(), first);
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), second);
  await page.keyboard.press("Enter");
  assert.ok(await row(second).locator(".body").isVisible());
  assert.equal(await hash(), `#open=${second}`);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  assert.equal(await row(second).locator(".body").count(), 0);
  assert.equal(await focused(), second);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-expanded")), "false");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
});

test("opening one keeps its row where it is", async () => {
  const huge = subject("hostile").results.find((result) => result.evidence?.seen.length === 60);
  await go(`#level=both&open=${huge.scenario}`);
  const all = await shown();
  const button = row(all[all.indexOf(huge.scenario) + 1]).locator("h3 button");
  await button.scrollIntoViewIfNeeded();
  const top = () => button.evaluate((element) => element.getBoundingClientRect().top);
  const before = await top();
  await button.evaluate((element) => element.click());
  assert.ok(Math.abs((await top()) - before) < 3);
});

for (const width of [320, 390, 768]) {
  test(`${width} pixels are wide enough`, async () => {
    await start({ viewport: { width, height: 800 } });
    const failed = subject("hostile").results.find((result) => result.evidence?.seen.length === 60);
    await go(`#level=both&subject=hostile&open=${failed.scenario}`);
    for (const summary of await page.locator(".verdict summary").all()) await summary.click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} pixels`);
  });
}

for (const colorScheme of ["light", "dark"]) {
  test(`texts stand out from what is behind them: ${colorScheme}`, async () => {
    await start({ colorScheme });
    const failed = named(subject("sdk-node").results, "fail");
    await go(`#level=both&open=${failed.scenario}`);
    for (const summary of await page.locator(".verdict summary").all()) await summary.click();
    const { poor, paper, looked } = await page.evaluate(contrasts);
    assert.ok(looked > 1000, `${looked} texts`);
    assert.deepEqual(poor, []);
    assert.equal(paper < 0.2, colorScheme === "dark");
  });
}

/** Texts whose contrast is below 4.5, by the formula of WCAG 2; runs in the page. */
function contrasts() {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if ((colour[3] ?? 1) > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  let looked = 0;
  const walker = document.createTreeWalker(document.getElementById("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".dim")) continue;
    looked += 1;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort();
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) poor.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className}`);
  }
  return { poor: [...poor], paper: light(parse(getComputedStyle(document.body).backgroundColor)), looked };
}

test("everything has a name, and stands where it belongs", async () => {
  const failed = named(subject("sdk-node").results, "fail");
  await go(`#level=both&open=${failed.scenario}`);
  const wrong = await page.evaluate(() => {
    const found = [];
    for (const one of document.querySelectorAll("button, a, summary")) {
      if (!(one.getAttribute("aria-label") || one.textContent).trim()) found.push(`no name: ${one.outerHTML.slice(0, 80)}`);
    }
    for (const one of document.querySelectorAll("input, select")) if (one.labels.length === 0) found.push(`no label: ${one.id}`);
    for (const one of document.querySelectorAll("button")) if (one.type !== "button") found.push(`submits: ${one.textContent}`);
    for (const one of document.querySelectorAll("[onclick], [role=button], div[tabindex='0']:not([role=region])")) found.push(`no button: ${one.outerHTML.slice(0, 80)}`);
    for (const one of document.querySelectorAll("button button, a button, button a")) found.push(`in a button: ${one.textContent}`);
    for (const one of document.querySelectorAll("th")) if (!one.scope) found.push(`no scope: ${one.textContent}`);
    for (const one of document.querySelectorAll("[aria-labelledby]")) if (!document.getElementById(one.getAttribute("aria-labelledby"))) found.push("labelled by nothing");
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    if (new Set(ids).size !== ids.length) found.push("an id is there twice");
    let level = 0;
    for (const one of document.querySelectorAll("h1, h2, h3, h4, h5")) {
      const next = Number(one.tagName[1]);
      if (next > level + 1) found.push(`${one.tagName} after h${level}: ${one.textContent.slice(0, 40)}`);
      level = next;
    }
    if (!document.documentElement.lang || !document.title) found.push("no language, or no title");
    return found;
  });
  assert.deepEqual(wrong, []);
});

test("a status is told by more than its colour", async () => {
  await go("#level=both");
  const telling = await page.$$eval(".mark", (marks) => marks.map((mark) => `${mark.className.split(" ")[1]} ${mark.lastChild.textContent}`));
  const signs = new Map(telling.filter((one) => !one.endsWith("·")).map((one) => one.split(" ")));
  assert.equal(signs.size, 6);
  assert.equal(new Set(signs.values()).size, 6);
});

test("on paper there are no buttons, and it is light", async () => {
  await start({ colorScheme: "dark" });
  await go("#level=must");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.ok(!(await page.isVisible("#filters")));
  assert.ok(await page.isVisible(".row:not([hidden])"));
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
});
