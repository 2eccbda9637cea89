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

/** Letters that cannot be seen, or turn the order of others around, by their numbers. */
const visible = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
  (letter) => (letter < " " ? String.fromCodePoint(0x2400 + letter.codePointAt(0)) : `⟨U+${letter.codePointAt(0).toString(16).padStart(4, "0").toUpperCase()}⟩`));

/** An element with attributes and children; what is not an element becomes text. */
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child != null) element.append(typeof child === "string" ? visible(child) : child);
  return element;
}
const BAR = ["pass", "unexpected-pass", "known-fail", "fail", "unimplemented", "skipped"];
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

let state;

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
  const musts = data.scenarios.filter((scenario) => byId.get(scenario.id).level === "must").length;
  const clean = bad.filter((failures) => failures === 0).length;
  $("date").replaceChildren(el("time", { datetime: data.date }, data.date));
  $("lead").textContent = [
    `${count(data.scenarios.length, "scenario")} held against ${count(ran.length, "client")}: ${number(musts)} bind every client, ` +
      `${number(data.scenarios.length - musts)} are choices of larkwire.`,
    `${number(results.filter((result) => passed(result.status)).length)} of ${count(results.length, "result")} passed;`,
    sum === 0 ? "nothing failed that counts." : `${count(sum, "failure counts", "failures count")}${clean === 0 ? "" : `, and ${number(clean)} of ${count(ran.length, "client")} ${clean === 1 ? "has" : "have"} none`}.`,
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
    el("span", { class: "tally" }, el("span", { class: "ratio" }, String(good), el("i", {}, `/${run}`)),
      el("span", { "aria-hidden": "true" }, telling.slice(0, area ? 2 : 1).map((status) => el("span", { class: `sign ${status}` }, `${SIGNS[status]}${tally[status]} `)))),
    el("span", { class: "bar", "aria-hidden": "true" },
      BAR.filter((status) => tally[status] > 0).map((status) => el("span", { class: status, style: `flex:${tally[status]}` })))));
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
      el("small", {}, subject.own ? "own runtime" : "foreign"))))),
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
  $("main").style.setProperty("--n", subjects.length);
  $("list").append(head, ...order.map(([area, of]) => el("div", { class: "group", "data-area": area }, el("h3", {}, area), of.map(row))),
    el("p", { class: "empty", id: "empty" }, "No scenario fits."));
}

function row(scenario) {
  const marks = subjects.map((subject) => {
    const status = subject.of.get(scenario.id)?.status;
    const words = `${subject.name}: ${status ? WORDS[status] : "not run"}`;
    return el("span", { class: `mark ${status ?? "pass"}`, title: words, "data-subject": subject.name },
      el("span", { class: "who" }, subject.name, el("i", {}, `: ${status ? WORDS[status] : "not run"}.`), " "), status ? sign(status) : el("span", { class: "soft", "aria-hidden": "true" }, "·"));
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
  // One that closes above must not carry this one away. The browser would see to that too, a second time.
  document.documentElement.style.overflowAnchor = "none";
  show({ open: state.open === id ? "" : id });
  window.scrollBy(0, button.getBoundingClientRect().top - before);
  setTimeout(() => { document.documentElement.style.overflowAnchor = ""; }, 100);
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

// Its address is not a view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("list").focus();
});
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
    if (fragment(state) === (location.hash || "#")) return;
    state = read();
    draw();
    rows.get(state.open)?.element.scrollIntoView({ block: "start" });
  });
}
$("main").hidden = false;
state = read();
headline();
filters();
list();
draw();
rows.get(state.open)?.element.scrollIntoView({ block: "start" });
