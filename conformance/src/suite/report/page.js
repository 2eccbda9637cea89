"use strict";
// What clients said is hostile: it becomes text nodes only, never markup.
const data = JSON.parse(document.getElementById("data").textContent);
const SIGNS = { "fail": "✕", "unexpected-pass": "!", "known-fail": "≈", "unimplemented": "○", "skipped": "–", "pass": "✓" };
const WORDS = {
  "fail": "failed", "unexpected-pass": "passed unexpectedly", "known-fail": "failed as known",
  "unimplemented": "unimplemented", "skipped": "skipped", "pass": "passed",
};
const STATUSES = Object.keys(SIGNS);
const LEVELS = { must: "Must", policy: "Policy", both: "Both" };
const NOTES = {
  must: "What binds every client: facts of the wire, of RFCs and of the documentation.",
  policy: "Choices of larkwire, by which only its own runtimes are judged. Other clients are shown for information.",
  both: "What binds every client, and choices of larkwire, by which only its own runtimes are judged.",
};
const LONG = 4000;
const $ = (id) => document.getElementById(id);

/** An element with attributes and children; what is not an element becomes text. */
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}
const number = (value) => value.toLocaleString("en");
const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;
const seconds = (ms) => `${(ms / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s`;
const sign = (status) => el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[status]);
const passed = (status) => status === "pass" || status === "unexpected-pass";
const didNotPass = (status) => status === "fail" || status === "known-fail";

// ---- The data, by what is asked of it ----

const scenarios = data.scenarios.map((scenario) => ({ ...scenario, level: scenario.level ?? "must" }));
const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));
const requirements = new Map(data.requirements.map((requirement) => [requirement.id, requirement]));
const names = new Set();
const subjects = data.subjects.map((run) => {
  let name = run.subject;
  for (let again = 2; names.has(name); again += 1) name = `${run.subject} (${again})`;
  names.add(name);
  return { ...run, name, of: new Map(run.results.map((result) => [result.scenario, result])) };
});
// Runs may be older than the scenarios.
for (const result of subjects.flatMap((subject) => subject.results)) {
  if (byId.has(result.scenario)) continue;
  const scenario = {
    id: result.scenario, area: result.scenario.split("/")[0], title: result.scenario, level: result.level,
    story: "The suite has no such scenario any more.", proves: [], source: "",
  };
  scenarios.push(scenario);
  byId.set(scenario.id, scenario);
}
const areas = [...new Set([...data.areas, ...scenarios.map((scenario) => scenario.area)])]
  .filter((area) => scenarios.some((scenario) => scenario.area === area));
for (const scenario of scenarios) {
  const proved = scenario.proves.flatMap((id) => [id, requirements.get(id)?.text ?? ""]);
  scenario.words = [scenario.id, scenario.title, ...proved].join("\n").toLowerCase();
}
/** Our own runtimes are judged by everything, others by what binds everybody. */
const counts = (subject, result) =>
  (result.status === "fail" || result.status === "unexpected-pass") && (subject.own || byId.get(result.scenario).level === "must");

// ---- What is shown: all of it stands in the fragment ----

let state = read();

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const one = (name, allowed) => (allowed.includes(given.get(name)) ? given.get(name) : "");
  const found = {
    level: one("level", Object.keys(LEVELS)) || "must",
    subject: one("subject", [...names]),
    area: one("area", areas),
    status: (given.get("status") ?? "").split(",").filter((status) => STATUSES.includes(status)),
    q: given.get("q") ?? "",
    open: byId.has(given.get("open")) ? given.get("open") : "",
  };
  if (found.open && !fitsLevel(byId.get(found.open), found.level)) found.level = "both";
  return found;
}

function fragment({ level, subject, area, status, q, open }) {
  const parts = { level: level === "must" ? "" : level, subject, area, status: status.join(","), q, open };
  const shown = Object.entries(parts).filter(([, value]) => value !== "");
  return `#${shown.map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%2F/g, "/").replace(/%2C/g, ",")}`).join("&")}`;
}

/** Changes what is shown. Typing leaves no trail of history. */
function show(change, quiet = false) {
  state = { ...state, ...change };
  if (state.open && !fits(byId.get(state.open), state)) state.open = "";
  const hash = fragment(state);
  if (hash !== (location.hash || "#")) history[quiet ? "replaceState" : "pushState"](null, "", hash);
  draw();
}

const fitsLevel = (scenario, level) => level === "both" || scenario.level === level;

function fitsStatus(scenario, { subject, status }) {
  const asked = subjects.filter((one) => !subject || one.name === subject).map((one) => one.of.get(scenario.id));
  if (status.length > 0) return asked.some((result) => result && status.includes(result.status));
  return true;
}

function fits(scenario, wanted) {
  return fitsLevel(scenario, wanted.level) && (!wanted.area || scenario.area === wanted.area) &&
    wanted.q.toLowerCase().split(/\s+/).every((word) => scenario.words.includes(word)) && fitsStatus(scenario, wanted);
}

// ---- The headline ----

function headline() {
  const ran = subjects.filter((subject) => subject.unavailable == null);
  const results = ran.flatMap((subject) => subject.results);
  const bad = ran.map((subject) => subject.results.filter((result) => counts(subject, result)).length);
  const sum = bad.reduce((one, other) => one + other, 0);
  const musts = scenarios.filter((scenario) => scenario.level === "must").length;
  const clean = bad.filter((failures) => failures === 0).length;
  $("date").replaceChildren(el("time", { datetime: data.date }, data.date));
  $("lead").textContent = [
    `${count(scenarios.length, "scenario")} held against ${count(ran.length, "client")}: ${number(musts)} bind every client, ` +
      `${number(scenarios.length - musts)} are choices of larkwire.`,
    `${number(results.filter((result) => passed(result.status)).length)} of ${count(results.length, "result")} passed;`,
    sum === 0 ? "nothing failed that counts." : `${count(sum, "failure")} count${sum === 1 ? "s" : ""}, and ${number(clean)} of ${count(ran.length, "client")} ${clean === 1 ? "is" : "are"} without one.`,
  ].join(" ");
  $("runs").replaceChildren(...subjects.map((subject) => el("span", { style: "display:block" },
    `${subject.name}: ${subject.about}${subject.client && subject.client !== subject.name ? ` (${subject.client} ${subject.version})` : ""}, `,
    subject.unavailable != null ? `could not be had: ${subject.unavailable}`
      : `${subject.date}, seed ${subject.seed}, ${seconds(subject.took_ms)}`)));
}

// ---- The matrix ----

function cell(subject, area, chosen) {
  const tally = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const scenario of chosen) {
    const result = subject.of.get(scenario.id);
    if (result && (!area || scenario.area === area)) tally[result.status] += 1;
  }
  const some = STATUSES.filter((status) => tally[status] > 0);
  if (some.length === 0) return el("td", {}, el("span", { class: "none" }, "–", el("span", { class: "unseen" }, "not run")));
  const good = tally["pass"] + tally["unexpected-pass"];
  const run = STATUSES.reduce((sum, status) => sum + tally[status], 0) - tally["skipped"];
  const label = `${subject.name}, ${area || "all areas"}: ${good} of ${run} passed${some.filter((status) => status !== "pass").map((status) => `, ${tally[status]} ${WORDS[status]}`).join("")}`;
  const pressed = state.subject === subject.name && state.area === area;
  const telling = some.filter((status) => status !== "pass" && status !== "skipped");
  return el("td", {}, el("button", {
    type: "button", class: "cell", "aria-label": label, title: label, "aria-pressed": String(pressed),
    "data-subject": subject.name, "data-area": area, onclick: () => choose({ subject: subject.name, area }, pressed),
  },
    telling.slice(0, 2).reverse().map((status) => el("span", { class: `sign ${status}`, "aria-hidden": "true" }, `${SIGNS[status]}${tally[status]}`)),
    el("span", { class: "ratio" }, String(good), el("i", {}, `/${run}`)),
    el("span", { class: "bar", "aria-hidden": "true" },
      [...STATUSES].reverse().filter((status) => tally[status] > 0).map((status) => el("span", { class: status, style: `flex:${tally[status]}` })))));
}

function choose(wanted, pressed) {
  const { area, subject } = document.activeElement?.dataset ?? {};
  show(pressed ? { subject: "", area: "" } : { subject: "", area: "", ...wanted });
  if (pressed) return [...document.querySelectorAll(".cell")].find((one) => one.dataset.subject === subject && one.dataset.area === area)?.focus();
  $("list").focus({ preventScroll: true });
  $("list-title").scrollIntoView({ block: "start" });
}

function matrix() {
  const chosen = scenarios.filter((scenario) => fitsLevel(scenario, state.level));
  const rows = ["", ...areas.filter((area) => chosen.some((scenario) => scenario.area === area))];
  const table = el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Area"), subjects.map((subject) => el("th", { scope: "col" },
      el("button", { type: "button", onclick: () => choose({ subject: subject.name }, false) }, el("span", { class: "name" }, subject.name)),
      el("small", {}, subject.unavailable != null ? "could not be had" : subject.version || "\u00a0"),
      el("small", {}, subject.own ? "larkwire’s own" : "foreign"))))),
    el("tbody", {}, rows.map((area) => el("tr", {},
      el("th", { scope: "row" },
        el("button", { type: "button", onclick: () => choose({ area }, false) }, area || "All areas"),
        el("small", {}, String(chosen.filter((scenario) => !area || scenario.area === area).length))),
      subjects.map((subject) => cell(subject, area, chosen))))));
  const left = $("matrix").scrollLeft;
  $("matrix").replaceChildren(table);
  $("matrix").scrollLeft = left;
}

// ---- Filters ----

function filters() {
  $("levels").append(...Object.entries(LEVELS).map(([level, word]) =>
    el("button", { type: "button", "data-level": level, onclick: () => show({ level }) }, word)));
  const options = (all, first) => [el("option", { value: "" }, first), ...all.map((one) => el("option", { value: one }, one))];
  $("subject").append(...options([...names], "All clients"));
  $("area").append(...options(areas, "All areas"));
  $("statuses").append(...STATUSES.map((status) => el("button", {
    type: "button", class: status, "data-status": status,
    onclick: () => show({ status: state.status.includes(status) ? state.status.filter((one) => one !== status) : [...state.status, status] }),
  }, sign(status), ` ${WORDS[status]} `, el("b", {}))));
  $("subject").addEventListener("change", (event) => show({ subject: event.target.value }));
  $("area").addEventListener("change", (event) => show({ area: event.target.value }));
  $("q").addEventListener("input", (event) => show({ q: event.target.value }, true));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("clear").addEventListener("click", () => { show({ subject: "", area: "", status: [], q: "" }); $("q").focus(); });
}

// ---- The list: rows are made once, and hidden or shown ----

const rows = new Map();

function list() {
  const order = areas.map((area) => [area, scenarios.filter((scenario) => scenario.area === area)]);
  const head = el("div", { class: "head", "aria-hidden": "true" }, el("span"), el("span"),
    el("span", { class: "marks" }, subjects.map((subject) => el("span", {}, subject.name))));
  $("list").style.setProperty("--n", subjects.length);
  $("list").append(head, ...order.map(([area, of]) => el("div", { class: "group", "data-area": area }, el("h3", {}, area), of.map(row))),
    el("p", { class: "empty", id: "empty" }, "No scenario fits."));
}

function row(scenario) {
  const marks = subjects.map((subject) => {
    const status = subject.of.get(scenario.id)?.status;
    const words = `${subject.name}: ${status ? WORDS[status] : "not run"}`;
    return el("span", { class: `mark ${status ?? "pass"}`, title: words, "data-subject": subject.name },
      el("span", { class: "who" }, subject.name, el("i", {}, `: ${status ? WORDS[status] : "not run"}.`), " "), status ? sign(status) : null);
  });
  const results = subjects.map((subject) => subject.of.get(scenario.id)).filter((result) => result);
  const sum = `${results.filter((result) => passed(result.status)).length} of ${results.length} passed`;
  const button = el("button", { type: "button", "aria-expanded": "false", onclick: () => toggle(scenario.id) },
    el("span", {}, el("span", { class: "title" }, scenario.title), " ", el("code", { class: "id" }, scenario.id), " ",
      el("span", { class: "level" }, scenario.level)),
    el("span", { class: "marks" }, el("span", { class: "sum", "aria-hidden": "true" }, sum), marks));
  const element = el("article", { class: "row", "data-id": scenario.id }, el("h3", {}, button));
  rows.set(scenario.id, { element, button, marks });
  return element;
}

function toggle(id) {
  const { button } = rows.get(id);
  const before = button.getBoundingClientRect().top;
  show({ open: state.open === id ? "" : id });
  // One that closes above must not carry this one away.
  window.scrollBy(0, button.getBoundingClientRect().top - before);
}

let opened = "";

function open(id) {
  if (opened === id) return;
  const old = rows.get(opened);
  old?.element.classList.remove("open");
  old?.button.setAttribute("aria-expanded", "false");
  old?.element.querySelector(".body")?.remove();
  opened = id;
  const now = rows.get(id);
  if (!now) return;
  now.element.classList.add("open");
  now.button.setAttribute("aria-expanded", "true");
  now.element.append(body(byId.get(id)));
}

// ---- One scenario ----

function body(scenario) {
  const asked = subjects.filter((subject) => subject.of.has(scenario.id));
  const results = asked.map((subject) => ({ subject, result: subject.of.get(scenario.id) }));
  results.sort((one, other) => STATUSES.indexOf(one.result.status) - STATUSES.indexOf(other.result.status));
  if (state.subject) results.sort((one, other) => (other.subject.name === state.subject) - (one.subject.name === state.subject));
  const failed = results.filter(({ result }) => didNotPass(result.status) || result.status === "unexpected-pass");
  const others = results.filter((one) => !failed.includes(one));
  return el("div", { class: "body" },
    scenario.story ? el("p", { class: "story" }, scenario.story) : null,
    scenario.proves.length === 0 ? null : el("div", {}, el("h4", {}, scenario.proves.length === 1 ? "Requirement" : "Requirements"),
      scenario.proves.map((id) => {
        const requirement = requirements.get(id);
        return el("div", { class: "requirement" }, el("p", {}, requirement?.text ?? "Not in requirements.toml."),
          el("p", { class: "soft" }, el("code", {}, id), ` · ${requirement?.level ?? ""} · ${requirement?.source ?? ""}`));
      })),
    failed.length === 0 ? null : el("div", {}, el("h4", {}, "What happened"), failed.map(({ subject, result }) => verdict(subject, result))),
    others.length === 0 ? null : el("div", {}, el("h4", {}, failed.length ? "The other clients" : "Clients"), el("ul", { class: "others" }, others.map(({ subject, result }) =>
      el("li", { class: result.status }, sign(result.status), ` ${subject.name}: ${WORDS[result.status]}`,
        el("span", { class: "soft" }, result.status === "pass" ? ` in ${seconds(result.took_ms)}` : `: ${result.why ?? result.what ?? ""}`))))),
    scenario.source ? el("div", {}, el("h4", {}, "The scenario, ", el("code", {}, `conformance/scenarios/${scenario.id}.toml`)), source(scenario, failed)) : null,
    el("p", { class: "foot" }, el("a", { href: fragment({ level: "must", subject: "", area: "", status: [], q: "", open: scenario.id }) }, "Link to this scenario"),
      el("button", { type: "button", class: "plain", onclick: close }, "Close")));
}

function close() {
  const { button } = rows.get(state.open) ?? {};
  show({ open: "" });
  button?.focus();
}

/** What should have been and what was, of the engine's sentence. */
function told(what) {
  const parts = /^expected ([\s\S]*? within \d+ ms); ((?:the last [\w-]+ was: |there was no )[\s\S]*)$/.exec(what) ??
    /^(never [\s\S]*? for \d+ ms), but it was seen: ([\s\S]*)$/.exec(what);
  const pairs = parts ? [["Expected", parts[1]], ["Instead", parts[2]]] : [["What", what]];
  return el("dl", { class: "told" }, pairs.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, clipped(text))]));
}

/** Long texts in part, and a button for the rest. */
function clipped(text) {
  if (text.length <= LONG) return text;
  const part = el("span", {}, `${text.slice(0, LONG)}… `, el("button", {
    type: "button", class: "more", onclick: () => part.replaceChildren(text),
  }, `Show all ${number(text.length)} characters`));
  return part;
}

function verdict(subject, result) {
  const { seen = [], frames = [], stderr = [] } = result.evidence ?? {};
  const place = [result.step != null ? `step ${result.step}` : null, result.line != null ? `line ${result.line}` : null, `after ${seconds(result.took_ms)}`];
  const part = (title, content) => el("div", {}, el("h5", {}, title), content);
  const sheet = (lines) => el("pre", { class: "tall", tabindex: "0" }, lines);
  return el("section", { class: `verdict ${result.status}`, "aria-label": `${subject.name}: ${WORDS[result.status]}` },
    el("header", {}, el("b", {}, subject.name), el("span", { class: "word" }, sign(result.status), ` ${WORDS[result.status]}`),
      el("span", { class: "soft" }, [subject.version, ...place].filter(Boolean).join(" · "))),
    result.what != null ? told(result.what) : el("p", {}, "It passed, though it is known to fail: the line in known/ is stale."),
    result.known != null ? el("p", {}, el("b", {}, "Known: "), clipped(result.known)) : null,
    result.source ? part("The step", el("pre", {}, clipped(result.source))) : null,
    again(result.repeat),
    seen.length ? part(`Seen, the last ${number(seen.length)}`, sheet(seen.map(observation))) : null,
    stderr.length ? part(`Standard error, the last ${count(stderr.length, "line")}`, sheet(stderr.flatMap((line) => [clipped(line), "\n"]))) : null,
    frames.length ? later(`Frames, the last ${number(frames.length)}, decoded and in hex`, () => frames.map(frame)) : null);
}

function later(title, make) {
  const details = el("details", {}, el("summary", {}, title));
  details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(...make()); });
  return details;
}

function observation(line) {
  const parts = /^\s*([\d.]+) s (platform|client) +(\S+) ?([\s\S]*)$/.exec(line);
  if (!parts) return el("span", { class: "seen" }, clipped(line), "\n");
  const [, at, who, kind, rest] = parts;
  return el("span", { class: "seen" }, el("span", { class: "t" }, `${at.padStart(8)} s `), who === "client" ? "→ " : "← ", el("b", {}, kind), " ",
    el("span", { class: "unseen" }, `(${who}) `), clipped(rest), "\n");
}

function frame(text) {
  const at = text.lastIndexOf("\n");
  const hex = /^(?:[0-9a-f]{2})*$/.test(text.slice(at + 1)) && at >= 0 ? text.slice(at + 1) : "";
  const words = hex || at === text.length - 1 ? text.slice(0, at) : text;
  const head = /^\s*([\d.]+ s (?:client → platform|platform → client)): ([\s\S]*)$/.exec(words);
  return el("div", { class: "frame" }, head ? el("p", { class: "t mono" }, head[1]) : null,
    el("pre", {}, clipped(head ? head[2] : words), hex ? el("div", { class: "hex" }, dump(hex)) : null));
}

function dump(hex) {
  const bytes = hex.match(/../g);
  const width = matchMedia("(max-width: 46rem)").matches ? 8 : 16;
  const part = el("span");
  const put = (end) => {
    const lines = [];
    for (let at = 0; at < Math.min(end, bytes.length); at += width) {
      const some = bytes.slice(at, at + width);
      const text = some.map((byte) => parseInt(byte, 16)).map((code) => (code >= 32 && code < 127 ? String.fromCharCode(code) : "·"));
      lines.push(`${at.toString(16).padStart(4, "0")}  ${some.join(" ").padEnd(width * 3)} ${text.join("")}`);
    }
    part.replaceChildren(lines.join("\n"));
    if (end < bytes.length) part.append("\n", el("button", { type: "button", class: "more", onclick: () => put(Infinity) }, `Show all ${number(bytes.length)} bytes`));
  };
  put(256);
  return part;
}

function again(command) {
  const button = el("button", { type: "button", class: "copy", "aria-label": "Copy the command that repeats it" }, "Copy");
  button.addEventListener("click", async () => {
    const done = await copy(command);
    button.textContent = $("said").textContent = done ? "Copied" : "Could not be copied";
    setTimeout(() => { button.textContent = "Copy"; $("said").textContent = ""; }, 2000);
  });
  return el("div", { class: "again" }, el("code", {}, command), button);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that come from a file or without TLS may have no clipboard.
    const area = el("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

const TOML = /("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'[^'\n]*')|(#[^\n]*)|(^\[\[?[\w.-]+\]\]?)|([\w.-]+)(?=\s*=)|\b(true|false|-?\d[\d_.]*)\b/gm;

function source(scenario, failed) {
  const lines = [[]];
  const put = (text, kind) => text.split("\n").forEach((piece, index) => {
    if (index > 0) lines.push([]);
    if (piece) lines.at(-1).push(kind ? el("span", { class: kind }, piece) : piece);
  });
  const text = scenario.source.replace(/\r/g, "").trimEnd();
  let at = 0;
  for (const token of text.matchAll(TOML)) {
    put(text.slice(at, token.index));
    put(token[0], ["t-s", "t-c", "t-h", "t-k", "t-n"][token.slice(1).findIndex((group) => group !== undefined)]);
    at = token.index + token[0].length;
  }
  put(text.slice(at));
  return el("pre", { class: "source" }, lines.map((pieces, index) => {
    const here = failed.filter(({ result }) => result.line === index + 1).map(({ subject, result }) => `${SIGNS[result.status]} ${subject.name}`);
    return el("span", { class: here.length ? "l hit" : "l" }, here.length ? el("span", { class: "at" }, here.join("  ")) : null, pieces, "\n");
  }));
}

// ---- Drawing ----

function draw() {
  matrix();
  $("level-note").textContent = NOTES[state.level];
  for (const button of $("levels").children) button.setAttribute("aria-pressed", String(button.dataset.level === state.level));
  for (const name of ["subject", "area", "q"]) if ($(name).value !== state[name]) $(name).value = state[name];
  const open_to = scenarios.filter((scenario) => fits(scenario, { ...state, status: [] }));
  const asked = subjects.filter((subject) => !state.subject || subject.name === state.subject);
  for (const button of $("statuses").children) {
    const status = button.dataset.status;
    const sum = open_to.reduce((all, scenario) => all + asked.filter((subject) => subject.of.get(scenario.id)?.status === status).length, 0);
    button.setAttribute("aria-pressed", String(state.status.includes(status)));
    button.querySelector("b").textContent = number(sum);
    button.hidden = sum === 0 && !state.status.includes(status) && !data.subjects.some((subject) => subject.results.some((result) => result.status === status));
  }
  const shown = new Set(scenarios.filter((scenario) => fits(scenario, state)).map((scenario) => scenario.id));
  for (const [id, { element, marks }] of rows) {
    element.hidden = !shown.has(id);
    for (const mark of marks) {
      mark.classList.toggle("dim", state.subject !== "" && mark.dataset.subject !== state.subject);
      mark.classList.toggle("only", mark.dataset.subject === state.subject);
    }
  }
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector(".row:not([hidden])");
  $("empty").hidden = shown.size > 0;
  const both = scenarios.filter((scenario) => fits(scenario, { ...state, level: "both" })).length;
  const all = scenarios.filter((scenario) => fitsLevel(scenario, state.level)).length;
  $("found").textContent = `${number(shown.size)} of ${count(all, `${state.level === "both" ? "" : `${state.level} `}scenario`)}` +
    (both > shown.size ? `; ${number(both - shown.size)} more of the other level` : "");
  $("clear").hidden = !(state.subject || state.area || state.q || state.status.length);
  open(state.open);
}

addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape" && state.open && !(typing && event.target.value)) close();
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); $("q").focus(); }
  const button = event.target.closest?.(".row > h3 > button");
  if (button && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    const all = [...document.querySelectorAll(".row:not([hidden]) > h3 > button")];
    event.preventDefault();
    all[all.indexOf(button) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
  }
});
for (const event of ["hashchange", "popstate"]) {
  addEventListener(event, () => {
    if (location.hash === "#list" || fragment(state) === (location.hash || "#")) return;
    state = read();
    draw();
    rows.get(state.open)?.element.scrollIntoView({ block: "start" });
  });
}
$("main").hidden = false;
headline();
filters();
list();
draw();
rows.get(state.open)?.element.scrollIntoView({ block: "start" });
