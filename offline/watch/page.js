// Draws /state.json (docs/how-to/follow-an-experiment.md) and asks for it again.
// Texts go in as text, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
let state = null, tag = "", answered = Date.now(), cursors = {};

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const count = (value) => value.toLocaleString("en");
const plural = (value, what) => `${count(value)} ${what}${value === 1 ? "" : "s"}`;
const moment = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC";
const signed = (value) => {
  const size = Math.abs(value), digits = size >= 1000 ? 0 : size >= 10 ? 1 : 2;
  const text = size.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return Number(text.replaceAll(",", "")) === 0 ? "0" : (value < 0 ? "−" : "+") + text;
};
const range = (look) => `${signed(look.lower)} to ${signed(look.upper)} %`;

function lasting(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${(seconds / 3600).toFixed(1)} h`;
  return plural(Math.round(seconds / 86400), "day");
}

function when(ms, period) {
  const text = new Date(ms).toISOString();
  return period === "day" ? text.slice(0, 10) : text.slice(5, 16).replace("T", " ");
}

// A page that gets no answer, or whose log stands still, tells figures and no more.
const isGone = () => Date.now() - answered > Math.max(15000, 4000 * (state ? state.every : 5));

function showStatus() {
  const badge = $("badge"), log = state.log, reading = state.phase === "reading";
  const silence = log ? log.silence + (Date.now() - state.told_at) / 1000 : 0;
  const stopped = log && log.stopped;
  const name = isGone() ? "gone" : reading ? "reading" : stopped ? "stopped" : state.phase === "waiting" ? "waiting" : "live";
  badge.className = `badge ${name}`;
  const word = name === "gone" ? "no answer" : name;
  if (badge.textContent !== word) badge.textContent = word;  // it is read aloud when it changes
  $("age").textContent = reading
    ? `${Math.round(100 * state.share)} % of what is there, ${lasting((Date.now() - state.since) / 1000)} so far`
    : log.last_timestamp === null ? "no line so far" : `last line ${lasting(Math.max(silence, 0))} ago`;
  const alerts = [];
  if (isGone()) alerts.push(`No answer from botify-offline for ${lasting((Date.now() - answered) / 1000)}: the figures below are old.`);
  else if (state.problem) alerts.push(`The last look failed: ${state.problem}. The figures below are from before.`);
  else if (stopped) alerts.push(`The log has stopped: no new line for ${lasting(silence)}. The figures below are of that time.`);
  const alert = $("alert"), text = alerts.join(" ");
  if (alert.textContent !== text) alert.textContent = text;
  alert.hidden = !text;
  document.body.classList.toggle("still", Boolean(stopped) || isGone() || Boolean(state.problem));
}

// Each treatment with each primary metric, the first one's figures being of the treatment itself.
const effects = () => state.treatments.filter((t) => !t.control).flatMap((t) =>
  [t, ...t.also].map((some, i) => ({ ...some, name: t.name, metric: state.metrics[i], key: `${t.treatment} ${i}` })));

const words = (one) => isGone() || state.problem ? "as it was when this page was last told" : one.words;

function showEffects() {
  const parts = [];
  for (const one of effects()) {
    const card = make("article", { class: "card" }, make("h3", {}, `${one.name} against the control: ${one.metric.title.toLowerCase()}`));
    if (one.effect !== null) {
      card.append(make("p", { class: "figure" }, `${signed(one.effect)} % `,
        make("small", {}, `always-valid ${Number((100 * one.metric.confidence).toPrecision(6))} % interval: ${range(one)}`)));
    }
    card.append(make("p", { class: "told" }, words(one)));
    if (one.looks.length) card.append(...plot(one, parts.length));
    parts.push(card);
  }
  const focused = document.activeElement && document.activeElement.id;
  $("effects").replaceChildren(...parts);
  if (focused && $(focused)) $(focused).focus();
}

function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

function plot(one, number) {
  const looks = one.looks, last = looks.at(-1), wide = Math.max(280, Math.min($("effects").clientWidth - 42, 820));
  const high = wide < 480 ? 190 : 230, left = 58, right = 12, top = 8, bottom = 24;
  const shown = looks.slice(Math.floor(looks.length / 4));  // the first intervals are wide
  let low = Math.min(0, ...shown.map((l) => l.lower)), most = Math.max(0, ...shown.map((l) => l.upper));
  const room = 0.06 * (most - low) || 1;
  low -= room; most += room;
  const first = looks[0].end, span = last.end - first;
  const x = (look) => span ? left + (wide - left - right) * (look.end - first) / span : (left + wide - right) / 2;
  const y = (value) => top + (high - top - bottom) * (most - value) / (most - low);
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${high}`, "aria-hidden": "true" });
  const clip = draw("clipPath", { id: `clip-${number}` });
  clip.append(draw("rect", { x: left, y: top, width: wide - left - right, height: high - top - bottom }));
  svg.append(clip);
  for (const value of ticks(low, most)) {
    svg.append(draw("line", { class: "grid", x1: left, x2: wide - right, y1: y(value), y2: y(value) }));
    svg.append(draw("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, `${signed(+value.toPrecision(6)).replace(/\.0+$/, "")} %`));
  }
  svg.append(draw("line", { class: "zero", x1: left, x2: wide - right, y1: y(0), y2: y(0) }));
  const inside = draw("g", { "clip-path": `url(#clip-${number})` });
  if (looks.length > 1) {
    const edge = [...looks.map((l) => [x(l), y(l.upper)]), ...looks.map((l) => [x(l), y(l.lower)]).reverse()];
    inside.append(draw("polygon", { class: "band", points: edge.map((p) => p.join(",")).join(" ") }));
    inside.append(draw("polyline", { class: "effect", points: looks.map((l) => `${x(l)},${y(l.effect)}`).join(" ") }));
  } else {
    inside.append(draw("line", { class: "bar", x1: x(last), x2: x(last), y1: y(last.lower), y2: y(last.upper) }));
  }
  const cursor = draw("line", { class: "cursor", y1: top, y2: high - bottom, visibility: "hidden" });
  inside.append(cursor);
  svg.append(inside, draw("circle", { class: "dot", cx: x(last), cy: y(last.effect), r: 4 }));
  svg.append(draw("text", { x: span ? left : x(last), y: high - 6, "text-anchor": span ? "start" : "middle" }, when(first, state.period)));
  if (span) svg.append(draw("text", { x: wide - right, y: high - 6, "text-anchor": "end" }, when(last.end, state.period)));
  const described = `Effect of ${one.name} on ${one.metric.title.toLowerCase()}, in percent of the control's mean, at the end of each ${state.period}: `
    + `${plural(looks.length, "look")} from ${moment(first)} to ${moment(last.end)}; now ${signed(last.effect)} %, interval ${range(last)}. Arrow keys read each look.`;
  const frame = make("div", { class: "plot", id: `plot-${number}`, tabindex: "0", role: "group",
    "aria-roledescription": "plot", "aria-label": described });
  const readout = make("p", { class: "readout", "aria-live": "polite" },
    `At the end of each ${state.period} (UTC); shaded: the always-valid interval. Arrow keys read each look.`);
  const read = (index) => {
    const look = looks[index];
    cursors[one.key] = look.end;
    cursor.setAttribute("x1", x(look)); cursor.setAttribute("x2", x(look)); cursor.setAttribute("visibility", "visible");
    readout.textContent = `Until ${moment(look.end)}: ${signed(look.effect)} % (${range(look)}), `
      + `${count(look.users[0])} users of the control and ${count(look.users[1])} of ${one.name}`;
  };
  const at = () => { const found = looks.findIndex((l) => l.end === cursors[one.key]); return found < 0 ? looks.length : found; };
  frame.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: at() - 1, ArrowRight: at() + 1, Home: 0, End: looks.length - 1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    read(Math.max(0, Math.min(looks.length - 1, move)));
  });
  svg.addEventListener("pointermove", (event) => {
    const place = (event.clientX - svg.getBoundingClientRect().left) * wide / svg.clientWidth;
    read(looks.reduce((best, look, i) => Math.abs(x(look) - place) < Math.abs(x(looks[best]) - place) ? i : best, 0));
  });
  frame.append(svg);
  if (at() < looks.length) read(at());
  return [frame, readout];
}

function showTreatments() {
  const heads = state.metrics.map(({ title, unit }) => unit ? `${title}, ${unit}` : title);
  $("mean").textContent = heads[0];
  document.querySelectorAll("thead th.more").forEach((th) => th.remove());
  $("mean").after(...heads.slice(1).map((text) => make("th", { scope: "col", class: "more" }, text)));
  const labels = [...document.querySelectorAll("thead th")].map((th) => th.textContent);
  $("treatments").replaceChildren(...state.treatments.map((one) => {
    const means = [one, ...one.also].map(({ mean }) => mean === null ? "–" : mean.toFixed(3));
    const cells = [one.users, one.users_with_value, one.sessions, one.sessions_without_end].map(count);
    return make("tr", {}, make("th", { scope: "row" }, one.control ? `${one.name}, control` : one.name),
      ...[...cells, ...means].map((text, i) => make("td", { "data-label": labels[i + 1] }, text)));
  }));
}

function showHealth() {
  const groups = new Map();
  for (const row of state.health) groups.set(row.title, [...(groups.get(row.title) || []), row]);
  $("health").replaceChildren(...[...groups].flatMap(([title, rows]) => [make("dt", {}, title),
    make("dd", {}, ...rows.map((row) => make("p", {}, make("span", { class: `state ${row.status}` }, row.status),
      (row.treatment ? `${row.treatment}: ` : "") + row.text)))]));
}

function showLog() {
  const log = state.log, rows = [
    ["Lines", `${count(log.lines)} in ${plural(log.files, "file")}, ${count(log.lines_of_experiment)} of the experiment`],
    ["Left out", `${count(log.bad_lines)} that are no events, ${count(log.lines_repeated)} repeated, ${count(log.lines_set_aside)} set aside`],
  ];
  if (log.first_timestamp !== null) rows.push(["From", moment(log.first_timestamp)], ["Last line", moment(log.last_timestamp)]);
  rows.push(["Lag", log.lag === null ? "not told: the log has a clock of its own" : `${lasting(Math.max(log.lag, 0))} behind this machine's clock at the last look`]);
  if (log.usual_gap !== null) rows.push(["Usual gap", `${lasting(log.usual_gap)} between lines; it counts as stopped after ${lasting(log.stopped_after)}`]);
  rows.push(["Looks", `every ${lasting(state.every)}; the last took ${lasting(state.cost.last_look)}, the first reading ${lasting(state.cost.first_reading)}`]);
  $("log").replaceChildren(...rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
  $("notes").replaceChildren(...state.notes.map((note) => make("li", {}, note)));
}

function show() {
  $("experiment").textContent = state.experiment;
  document.title = `${state.experiment}: live`;
  showStatus();
  if (state.phase === "reading") return;
  document.querySelector("main").removeAttribute("aria-busy");
  $("correction").textContent = state.correction + ".";
  showEffects(); showTreatments(); showHealth(); showLog();
}

async function ask() {
  try {
    const answer = await fetch("/state.json", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status === 200) {
      const changed = answer.headers.get("ETag") !== tag;
      state = await answer.json();
      tag = answer.headers.get("ETag");
      answered = Date.now();
      if (changed) show();
    } else if (answer.status === 304) {
      answered = Date.now();
    }
  } catch { /* told by isGone */ }
  setTimeout(ask, 1000 * (state && state.phase !== "reading" ? Math.max(state.every, 1) : 1));
}

let wasGone = false;
setInterval(() => {
  if (!state) return;
  if (isGone() !== wasGone) { wasGone = isGone(); show(); }
  else showStatus();
}, 1000);
let width = innerWidth;
addEventListener("resize", () => { if (state && state.phase !== "reading" && innerWidth !== width) { width = innerWidth; showEffects(); } });
ask();
