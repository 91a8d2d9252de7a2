"use strict";
// One rater's way through a study. Nothing is loaded; votes stay in this browser, and go to the server that served the
// page if that server collects votes of this very study.

const study = JSON.parse(document.getElementById("study").textContent);
const { design } = study;
const KEY = `ganstyle-study-${study.id}`;
const GAP = 5; // pairs between a pair and its repeat
const DEAF_MS = 200; // a second tap of the same finger must not answer the next pair
const at = (id) => document.getElementById(id);

// --- chance: equal seeds give equal plans, whatever the browser ---

/** Return a function of numbers in [0, 1) (mulberry32, public domain, seeded by FNV-1a of a text). */
function generator(text) {
  let state = 0x811c9dc5;
  for (const char of text) state = Math.imul(state ^ char.codePointAt(0), 0x01000193) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(list, random) {
  const found = [...list];
  for (let last = found.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [found[last], found[other]] = [found[other], found[last]];
  }
  return found;
}

const range = (count) => Array.from({ length: count }, (_, index) => index);

// --- the plan: pairs, repeats with sides swapped, attention checks ---

/** Return `design.pairs` pairs: every two methods equally often, as far as possible, on pictures drawn anew. */
function chosenPairs(random) {
  const methods = range(design.methods.length);
  const kinds = methods.flatMap((a) => methods.filter((b) => b > a).map((b) => [a, b]));
  const piles = shuffled(kinds, random).map(([a, b]) => ({ a, b, items: shuffled(range(design.items.length), random) }));
  const found = [];
  for (let turn = 0; found.length < design.pairs; turn++) {
    for (const { a, b, items } of piles) found.push({ item: items[turn], a, b });
  }
  return apart(shuffled(found.slice(0, design.pairs), random));
}

/** Move pairs of one picture apart where they follow one another and a later pair can take the place. */
function apart(pairs) {
  for (let place = 1; place < pairs.length; place++) {
    if (pairs[place].item !== pairs[place - 1].item) continue;
    const other = pairs.findIndex((pair, index) => index > place && pair.item !== pairs[place].item);
    if (other > 0) [pairs[place], pairs[other]] = [pairs[other], pairs[place]];
  }
  return pairs;
}

/** Return the trials of one rater, in order. */
function plan(rater) {
  const random = generator(`${study.id}/${rater}`);
  const pairs = chosenPairs(random);
  const swaps = shuffled(pairs.map((_, index) => index % 2 === 1), random); // each side equally often
  const trials = pairs.map(({ item, a, b }, index) => {
    const [left, right] = swaps[index] ? [b, a] : [a, b];
    return { place: index, kind: "pair", item, left, right };
  });
  const early = shuffled(trials.slice(0, Math.ceil(pairs.length / 2)), random).slice(0, design.repeats);
  const repeats = early.map(({ place, item, left, right }) => {
    const first = Math.min(place + GAP, pairs.length);
    return { place: first + random() * (pairs.length - first), kind: "repeat", item, left: right, right: left };
  });
  const order = shuffled(range(study.damaged.length), random);
  const checks = range(design.checks).map((index) => {
    const intactLeft = random() < 0.5;
    const place = Math.max(0.5, ((index + random()) / design.checks) * pairs.length);
    const item = order[index % order.length];
    return { place, kind: "check", item, left: intactLeft ? 0 : 1, right: intactLeft ? 1 : 0 };
  });
  return [...trials, ...repeats, ...checks].sort((one, other) => one.place - other.place);
}

/** Return indices into study.pictures: what a trial shows. */
function picturesOf(trial) {
  if (trial.kind !== "check") {
    const shown = study.shown[trial.item];
    return { ...shown, left: shown.candidates[trial.left], right: shown.candidates[trial.right] };
  }
  const check = study.damaged[trial.item];
  const sides = [study.shown[check.item].candidates[check.method], check.picture];
  return { ...study.shown[check.item], left: sides[trial.left], right: sides[trial.right] };
}

// --- memory: the browser's, so that a reload goes on ---

let kept = { current: null, done: [] };
let trials = [];
let shownAt = 0;

function load() {
  try {
    kept = { current: null, done: [], ...JSON.parse(localStorage.getItem(KEY) || "{}") };
  } catch {
    warn("This browser keeps nothing: don't close this page before you have downloaded your votes.");
  }
  trials = kept.current ? plan(kept.current.rater) : [];
}

function save() {
  if (kept.current) kept.current.revision += 1;
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    warn("This browser keeps nothing: don't close this page before you have downloaded your votes.");
  }
  send();
}

function warn(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

function newRater(name) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const rater = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  kept.current = { rater, name, started: new Date().toISOString(), planned: 0, revision: 0, votes: [] };
  trials = plan(rater);
  kept.current.planned = trials.length;
}

// --- the votes: a file, the clipboard, a server ---

function record(raters) {
  return { format: "ganstyle-votes", version: 1, study: study.id, design, raters };
}

function exported() {
  return JSON.stringify(record(everybody()), null, 1) + "\n";
}

let collects = false;
let sending = false;
let retry = 0;

async function findCollector() {
  if (!location.protocol.startsWith("http")) return;
  try {
    const answer = await fetch("collector", { cache: "no-store" });
    collects = answer.ok && (await answer.json()).study === study.id;
  } catch {
    collects = false;
  }
  if (collects) send();
  showSent();
}

const everybody = () => [...kept.done, ...(kept.current ? [kept.current] : [])];
const state = () => everybody().reduce((sum, { revision }) => sum + revision, 0);

/** Send the whole records: a lost or doubled message does no harm. */
async function send() {
  if (!collects || sending) return;
  sending = true;
  let failed = "";
  let sent = 0;
  try {
    while (sent !== state() && !failed) {
      sent = state();
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify(record(everybody()));
      const answer = await fetch("votes", { method: "POST", headers, body });
      if (!answer.ok) failed = (await answer.text()) || String(answer.status);
    }
  } catch {
    failed = "the server can't be reached";
  }
  sending = false;
  showSent(failed, sent);
  clearTimeout(retry);
  if (failed) retry = setTimeout(send, 5000);
}

function showSent(failed = "", sent = -1) {
  const done = collects && !failed && sent === state();
  at("sent").textContent = !collects ? "" : done ? "Your votes have been received." : failed ? `Not sent yet: ${failed}.` : "";
  if (collects) warn(failed ? `Votes are kept here but not sent yet: ${failed}. This page tries again.` : "");
  at("deliver").hidden = collects && !failed;
}

// --- what is seen ---

function show(name) {
  for (const section of document.querySelectorAll("main")) section.hidden = section.id !== name;
  document.body.className = name;
  at(name).focus({ preventScroll: true });
}

function showStart() {
  show("start");
  at("name").value = (new URLSearchParams(location.hash.slice(1)).get("name") || "").slice(0, 80);
}

async function fill(image, index) {
  image.src = index === null ? "data:," : study.pictures[index];
  await image.decode().catch(() => undefined);
}

async function showTrial() {
  const number = kept.current.votes.length;
  if (number >= trials.length) return showEnd();
  const shown = picturesOf(trials[number]);
  const sides = [at("left").querySelector("img"), at("right").querySelector("img")];
  shownAt = Infinity; // deaf until both pictures are there
  at("candidates").setAttribute("aria-busy", "true");
  at("content-figure").hidden = shown.content === null;
  at("style-figure").hidden = shown.style === null;
  at("references").hidden = shown.content === null && shown.style === null;
  at("progress").max = trials.length;
  at("progress").value = number;
  at("count").textContent = `${number + 1} of ${trials.length}`;
  at("undo").disabled = number === 0;
  show("trial");
  await Promise.all([
    fill(sides[0], shown.left), fill(sides[1], shown.right), fill(at("content"), shown.content), fill(at("style"), shown.style),
  ]);
  if (number !== kept.current.votes.length) return;
  at("candidates").dataset.shape = sides[0].naturalWidth >= sides[0].naturalHeight ? "wide" : "tall";
  shownAt = performance.now();
  at("candidates").setAttribute("aria-busy", "false");
}

function showEnd() {
  const { votes } = kept.current;
  const complete = votes.length >= trials.length;
  at("thanks").textContent = complete ? "Thank you! That was all." : `${votes.length} of ${trials.length} answered.`;
  at("deliver").textContent =
    (complete ? "" : "You can go on now, or later in this browser. ") +
    "Please send the file back to the person who asked you: votes are only in this browser.";
  at("resume").className = complete ? "" : "primary";
  at("download").className = complete ? "primary" : "";
  at("text").value = exported();
  at("copied").textContent = "";
  at("resume").hidden = complete;
  at("back").hidden = votes.length === 0;
  at("next").hidden = votes.length === 0;
  show("end");
}

// --- what is done ---

function choose(choice) {
  const elapsed = Math.round(performance.now() - shownAt);
  if (at("trial").hidden || !(elapsed >= DEAF_MS) || (choice === "equal" && !design.ties)) return;
  const trial = kept.current.votes.length;
  const { kind, item, left, right } = trials[trial];
  const time = new Date().toISOString();
  kept.current.votes.push({ trial, kind, item, left, right, choice, ms: elapsed, time });
  save();
  showTrial();
}

function undo() {
  if (!kept.current || kept.current.votes.length === 0) return;
  kept.current.votes.pop();
  save();
  showTrial();
}

const KEYS = {
  ArrowLeft: () => choose("left"), 1: () => choose("left"), ArrowRight: () => choose("right"), 2: () => choose("right"),
  " ": () => choose("equal"), 0: () => choose("equal"), Backspace: undo, u: undo, U: undo,
};

function onKey(event) {
  if (at("trial").hidden || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  // Space belongs to a button that the keyboard has reached.
  if (event.key === " " && document.activeElement.closest("button")) return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  link.download = `votes-${study.id.slice(0, 6)}-${kept.current.rater.slice(0, 6)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function copy() {
  let done = true;
  try {
    await navigator.clipboard.writeText(exported());
  } catch { // no clipboard for pages that are neither https nor local
    at("text").closest("details").open = true;
    at("text").select();
    done = document.execCommand("copy");
  }
  at("copied").textContent = done ? "Copied." : "Please copy the text below.";
}

function nextPerson() {
  kept.done.push(kept.current);
  kept.current = null;
  save();
  showStart();
}

function begin(event) {
  event.preventDefault();
  newRater(at("name").value.trim());
  save();
  showTrial();
}

function listen() {
  document.addEventListener("keydown", onKey);
  at("begin").addEventListener("submit", begin);
  for (const side of ["left", "right", "equal"]) at(side).addEventListener("click", () => choose(side));
  at("undo").addEventListener("click", undo);
  at("back").addEventListener("click", undo);
  at("stop").addEventListener("click", showEnd);
  at("resume").addEventListener("click", showTrial);
  at("download").addEventListener("click", download);
  at("copy").addEventListener("click", copy);
  at("next").addEventListener("click", nextPerson);
  addEventListener("storage", (event) => event.key === KEY && open()); // another tab of the same study
}

function describe() {
  for (const heading of document.querySelectorAll(".question")) heading.textContent = design.question;
  for (const part of document.querySelectorAll(".ties")) part.hidden = !design.ties;
  const total = design.pairs + design.repeats + design.checks;
  const minutes = Math.max(1, Math.round((total * 6) / 60));
  at("task").textContent =
    `You will see ${total} pairs of pictures, about ${minutes} minute${minutes > 1 ? "s" : ""}. ` +
    "Follow your first impression; there are no wrong answers. You can stop and go on at any time.";
  at("privacy").textContent =
    "Your answers, the time each took and the name above are kept in this browser" +
    (location.protocol.startsWith("http") ? " and sent to the server of this page." : " until you send them.");
}

function open() {
  load();
  if (kept.current) showTrial();
  else showStart();
}

describe();
listen();
open();
findCollector();
