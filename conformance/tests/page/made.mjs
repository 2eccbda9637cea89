// A suite of many scenarios and runs with everything a report can have, hostile texts included.
//
//   node made.mjs FOLDER     makes FOLDER/conformance/… and FOLDER/runs/*.json

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const SCENARIOS = 370;
export const HOSTILE = [
  "</script><script>window.hacked = 1; alert(1)</script>",
  "<img src=x onerror=\"window.hacked = 2; alert(2)\">",
  "<!--<script>", "]]>", "${window.hacked = 3}", "/*DATA*/null /*CSS*/ /*JS*/", "javascript:alert(4)",
  "\u0000\u0007\u001b[31mred\u001b[0m", "\u2028\u2029", "\u202egnp.exe", "{\"__proto__\": {\"hacked\": 5}}", "好的 🚀",
];
export const ALL_HOSTILE = HOSTILE.join(" ");

const AREAS = ["discover", "upgrade", "frame", "parts", "ack", "gate", "ping", "redial", "token", "call", "limits", "hostile", "locale", "callback", "webhook"];
const WORDS = "late slow empty torn double strange long quiet early silent broken whole".split(" ");
const THINGS = "frame ack event part header token close ping upgrade answer card link".split(" ");

const TEMPLATES = [
  `[[steps]]
peer.push = { as = "m", text_len = 3000, parts = 5, part_order = [4, 2, 0, 3, 1] }

[[steps]]
expect.event = { push = "m", text_len = 3000 }
within_ms = 3000

[[finally]]
of.acked = { push = "m" }
exactly = 1
`,
  `# A comment, with "quotes" and = signs.
[[steps]]
peer.push = { as = "m", text = "好 <b>hi</b>", payload_type = "json" }

[[steps]]
expect.acked = { push = "m", code = 200, faithful = true }
within_ms = 3000
`,
  `[given]
handle = { callback_answer = { toast = { type = "info", content = "好的" } } }

[[steps]]
peer.push = { as = "click", click = {} }

[[steps]]
expect.callback_answered = { push = "click", in_time = true, faithful = true }
within_ms = 3000
`,
  // This one fails, so that a real run has real evidence.
  `[[steps]]
peer.push = { as = "m", text = "hi" }

[[steps]]
expect.acked = { push = "m", code = 500 }
within_ms = 3000
`,
];

/** Numbers that look random and are the same every time. */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

function suite(folder) {
  const scenarios = [];
  const requirements = [];
  for (let index = 0; index < SCENARIOS; index += 1) {
    const area = AREAS[Math.floor((index * AREAS.length) / SCENARIOS)];
    const level = index % 7 < 4 ? "must" : "policy";
    const id = `${area}/${WORDS[index % 12]}-${THINGS[Math.floor(index / 12) % 12]}-${index}`;
    const requirement = `${area}.made-${index}`;
    const extra = index === 3 ? ` ${ALL_HOSTILE}` : "";
    const text = `A ${WORDS[(index * 5) % 12]} ${THINGS[(index * 7) % 12]} is answered as the documentation says, number ${index}, whatever else comes.${extra}`;
    requirements.push({ id: requirement, level, text, source: `protocol ${(index % 9) + 1}.${(index % 5) + 1}` });
    const title = `A ${WORDS[index % 12]} ${THINGS[Math.floor(index / 12) % 12]} does not lose message ${index}${extra}`;
    const story = index % 3 === 0 ? `Why anybody cares about ${index}: somebody waits for an answer.${extra}` : "";
    const body = TEMPLATES[index % 40 === 39 ? 3 : index % 3];
    const head = `title = ${quoted(title)}\nproves = ["${requirement}"]\n${story ? `story = ${quoted(story)}\n` : ""}\n`;
    const source = head + body;
    scenarios.push({ id, area, level, title, source });
    const path = join(folder, "conformance/scenarios", `${id}.toml`);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, source);
  }
  const entries = requirements.map(({ id, level, text, source }) =>
    `[[requirement]]\nid = "${id}"\nlevel = "${level}"\ntext = ${quoted(text)}\nsource = "${source}"\n`);
  writeFileSync(join(folder, "conformance/requirements.toml"), entries.join("\n"));
  writeFileSync(join(folder, "conformance/cases.toml"), "");
  return scenarios;
}

/** As a basic string of TOML. */
function quoted(text) {
  const escape = (letter) => `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`;
  return `"${text.replace(/["\\]/g, "\\$&").replace(/[\u0000-\u001f\u007f\u2028\u2029\u202e]/g, escape)}"`;
}

const SUBJECTS = [
  { subject: "tokio", about: "larkwire on Tokio", own: true, version: "0.1.0", bad: 0.01 },
  { subject: "embassy", about: "larkwire on Embassy", own: true, version: "0.1.0", bad: 0.02 },
  { subject: "qemu", about: "larkwire's firmware in QEMU", own: true, version: "0.1.0", bad: 0.01 },
  { subject: "sdk-go", about: "the official Go SDK", own: false, version: "3.4.23", bad: 0.12 },
  { subject: "sdk-node", about: "the official Node SDK", own: false, version: "1.74.0", bad: 0.3 },
  { subject: "sdk-python", about: "the official Python SDK", own: false, version: "1.5.1", bad: 0.25 },
  { subject: "hostile", about: `a client that means ill ${ALL_HOSTILE}`, own: false, version: HOSTILE[1], bad: 0.5 },
  { subject: "gone", about: "a client that is not there", own: false, version: "", unavailable: `no such command ${ALL_HOSTILE}`, bad: 0 },
];

function evidence(hostile, huge, roll) {
  const tail = hostile ? ` ${ALL_HOSTILE}` : "";
  const hex = (length) => Array.from({ length }, () => Math.floor(roll() * 256).toString(16).padStart(2, "0")).join("");
  const seen = Array.from({ length: huge ? 60 : 9 }, (_, at) => {
    const line = [
      `platform discovered locale="en" user_agent="client/1.0"`,
      `platform upgraded connection=1 key="dGhlIHNhbXBsZSBub25jZQ==" has_extensions=false`,
      `client   event push=1 event_type="im.message.receive_v1" message_id="om_m" text="hi${tail.replaceAll("\"", "'")}"`,
      `platform acked code=200 data=null faults=[] latency_ms=12 push=1 settled=true`,
    ][at % 4];
    return `${(at * 0.137).toFixed(3).padStart(8)} s ${line}${huge ? ` padding="${"x".repeat(9000)}"` : ""}`;
  });
  const frames = Array.from({ length: huge ? 16 : 3 }, (_, at) =>
    `${(at * 0.2).toFixed(3).padStart(8)} s ${at % 2 ? "client → platform" : "platform → client"}: data SeqID=${at} service=1 headers=[type=event, message_id=om_m] payload={"schema":"2.0"}${tail}\n${hex(huge ? 2048 : 90)}`);
  frames.push(`not of the known form${tail}`);
  const stderr = [`thread 'main' panicked at src/main.rs:7${tail}`, "note: run with `RUST_BACKTRACE=1`", huge ? "y".repeat(200_000) : "bye"];
  return { seen, frames, stderr };
}

function run(about, scenarios, seed) {
  const { bad, ...rest } = about;
  const roll = dice(seed);
  const results = rest.unavailable ? [] : scenarios.map((scenario, index) => result(rest, scenario, index, bad, roll));
  if (rest.subject === "sdk-go") {
    results.push({ ...result(rest, { ...scenarios[0], id: "parts/of-an-older-suite", level: "must" }, 1, 0, roll) });
  }
  return { client: rest.subject, date: "2026-11-22", seed: 1, took_ms: 1000 + Math.floor(roll() * 300000), ...rest, results };
}

function result({ subject, own }, scenario, index, bad, roll) {
  const hostile = subject === "hostile";
  const common = { scenario: scenario.id, level: scenario.level, took_ms: Math.floor(roll() * 4000), repeat: `conform run --subject ${subject} --case ${scenario.id} --seed 1${hostile ? ` --note '${HOSTILE[0]}'` : ""}` };
  const kind = roll();
  if (kind < bad) {
    const step = 2;
    const line = scenario.source.split("\n").findIndex((text) => text.startsWith("expect")) + 1;
    const instead = hostile ? `the last acked was: 0.412 s platform acked data="${ALL_HOSTILE}"` : "there was no acked";
    const what = ["expected acked code=200 push=\"m\" within 3000 ms; " + instead,
      "never upgraded for 2000 ms, but it was seen: 1.204 s platform upgraded connection=2",
      "finally: acked push=\"m\" was seen 2 times, not exactly 1"][index % 3];
    const place = index % 3 === 2 ? { step: null, line: null, source: "" } : { step, line, source: "[[steps]]\nexpect.acked = { push = \"m\", code = 200 }\nwithin_ms = 3000" };
    const known = roll() < 0.4 ? { known: `answers late, see its tracker${hostile ? ALL_HOSTILE : ""}` } : {};
    return { ...common, verdict: "fail", ...place, what, evidence: evidence(hostile, hostile && index < 8, roll), status: known.known ? "known-fail" : "fail", ...known };
  }
  if (!own && kind < bad + 0.08) return { ...common, verdict: "unimplemented", what: `update_card${hostile ? ALL_HOSTILE : ""}`, status: "unimplemented" };
  if (kind < bad + 0.11) return { ...common, verdict: "skipped", why: "only in virtual time: an hour passes", status: "skipped" };
  if (kind < bad + 0.115) return { ...common, verdict: "pass", status: "unexpected-pass", known: "was late once" };
  return { ...common, verdict: "pass", status: "pass" };
}

/** Makes all of it; the suite's scenarios come back. */
export function make(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "runs"), { recursive: true });
  const scenarios = suite(folder);
  SUBJECTS.forEach((about, index) => {
    writeFileSync(join(folder, "runs", `${about.subject}.json`), JSON.stringify(run(about, scenarios, index + 11)));
  });
  return scenarios;
}

if (process.argv[2]) make(process.argv[2]);
