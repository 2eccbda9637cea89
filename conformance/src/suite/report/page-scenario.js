"use strict";
// ---- One scenario: what stands below its row when it is open ----

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
    type: "button", class: "more", onclick: () => part.replaceChildren(visible(text)),
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
  return el("span", { class: "seen" }, el("span", { class: "t" }, `${at.padStart(8)} s ${who.padEnd(8)} `), el("b", {}, kind), " ", clipped(rest), "\n");
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
