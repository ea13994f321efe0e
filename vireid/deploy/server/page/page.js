"use strict";
const at = (id) => document.getElementById(id);
const LARGEST = 32 * 2 ** 20;
const state = { file: null, found: null, line: null, moved: false, search: null, previewed: "" };

// Requests

async function ask(path, options = {}) {
  const token = sessionStorage.getItem("token");
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: token ? { Authorization: `Bearer ${token}` } : {} });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The server does not answer. Is it running?");
  }
  if (answer.status === 401) {
    say(token ? "That was not the token." : "", "wrong");
    await unlocked();
    return ask(path, options);
  }
  const content = await answer.json().catch(() => ({ detail: `The server answered with status ${answer.status}.` }));
  if (!answer.ok) throw new Error(content.detail);
  return content;
}

let unlocking = null;
function unlocked() {
  unlocking ??= new Promise((resolve) => {
    at("token").value = "";
    at("locked").addEventListener("close", () => {
      sessionStorage.setItem("token", at("token").value.trim());
      unlocking = null;
      resolve();
    }, { once: true });
    at("locked").showModal();
  });
  return unlocking;
}
at("locked").addEventListener("cancel", (event) => event.preventDefault());

// Elements: texts are texts, whatever they hold

function element(tag, fields = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...inside);
  return made;
}

const time = (text) => (text ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "");
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
const nameOf = (row) => row.person ?? "not known";

function say(text, where = "status") {
  at(where).textContent = text;
}

// The gallery

async function showContents() {
  try {
    const { images, people, cameras } = await ask("gallery");
    say(`${plural(images, "image", "images")} of ${plural(people, "person", "people")}`, "contents");
    const chosen = at("camera").value;
    at("camera").replaceChildren(new Option("any", ""), ...cameras.map((name) => new Option(name, name)));
    at("camera").value = cameras.includes(chosen) ? chosen : "";
  } catch (error) {
    say(error.message);
  }
}

// Search

const narrow = () => matchMedia("(max-width: 760px)").matches;
at("filters").open = !narrow();

function choose(file) {
  if (!file) return;
  if (file.size > LARGEST) return say("The image has more than 32 MB, the most that is taken.");
  state.file = file;
  URL.revokeObjectURL(state.previewed);
  state.previewed = URL.createObjectURL(file);
  at("preview").src = state.previewed;
  at("preview").alt = "The image to search";
  at("preview").hidden = false;
  at("invitation").textContent = "Drop, paste or choose another one";
  search();
}

async function search() {
  if (!state.file) return say("Choose an image first.");
  if (!at("query").reportValidity()) return;
  state.search?.abort();
  const mine = (state.search = new AbortController());
  const body = new FormData();
  body.append("image", state.file, "query");
  for (const [name, value] of new FormData(at("query")).entries()) {
    if (value !== "") body.append(name, name === "since" || name === "until" ? new Date(value).toISOString() : value);
  }
  say("Searching …");
  try {
    const found = await ask("search", { method: "POST", body, signal: mine.signal });
    if (mine.signal.aborted) return;
    show(found);
  } catch (error) {
    if (error.name === "AbortError") return;
    clear();
    say(error.message);
  }
}

function clear() {
  state.found = null;
  for (const id of ["above", "below", "remarks"]) at(id).replaceChildren();
  for (const id of ["line", "threshold", "keys"]) at(id).hidden = true;
}

const scoreOf = (row) => (state.found.compared === "calibrated" ? row.calibrated : row.score);

function show(found) {
  const kept = state.found?.compared === found.compared && !found.threshold ? state.line : null;
  state.found = found;
  state.moved = false;
  state.line = found.threshold ? found.threshold.value : kept;
  at("remarks").replaceChildren(...found.remarks.map((text) => element("p", { className: "warn", textContent: text })));
  const values = [...found.candidates.map(scoreOf), ...found.thresholds.map((line) => line.value)];
  const low = Math.min(...values), high = Math.max(...values), margin = 0.05 * (high - low) || 0.05;
  Object.assign(at("slider"), { min: low - margin, max: high + margin });
  at("slider").value = state.line ?? low - margin;
  at("rate").replaceChildren(...found.thresholds.map((line) => new Option(`${100 * line.target} % of searches`, line.target)));
  if (found.threshold) at("rate").value = found.threshold.target;
  at("rates").hidden = !found.thresholds.length;
  at("threshold").hidden = at("keys").hidden = !found.candidates.length;
  draw();
  if (narrow()) at("result").scrollIntoView();
}

function draw() {
  const { candidates, compared } = state.found;
  const decided = state.line !== null;
  const cards = candidates.map((row, place) => card(row, place + 1));
  const accepted = decided ? candidates.filter((row) => scoreOf(row) > state.line).length : candidates.length;
  for (const id of ["above", "below"]) at(id).classList.toggle("decided", decided);
  at("above").setAttribute("aria-label", decided ? "Candidates above the threshold" : "Candidates");
  at("above").replaceChildren(...cards.slice(0, accepted));
  at("below").replaceChildren(...cards.slice(accepted));
  if (cards.length) cards[0].tabIndex = 0;
  at("line").hidden = !decided;
  if (decided) say(lineText(), "line");
  at("slider").setAttribute("aria-valuetext", decided ? state.line.toFixed(3) : "no threshold");
  const ranked = compared === "calibrated" ? ", ranked by calibrated scores" : "";
  if (!candidates.length) say("Nobody was found.");
  else if (!decided) say(`${plural(candidates.length, "candidate", "candidates")}${ranked}. No threshold is calibrated; move the slider to draw one.`);
  else say(accepted ? `${accepted} of ${plural(candidates.length, "candidate", "candidates")} above the threshold${ranked}.` : `Nobody is above the threshold: taken to be none of the gallery${ranked}.`);
}

function lineText() {
  const value = `Threshold ${state.line.toFixed(3)}`;
  const line = state.moved ? null : state.found.thresholds.find((one) => one.value === state.line);
  return line ? `${value}: a stranger passes in ${(100 * line.low).toPrecision(2)} to ${(100 * line.high).toPrecision(2)} % of searches` : `${value}, moved by hand`;
}

function card(row, place) {
  const picture = row.thumbnail
    ? element("img", { src: `data:image/jpeg;base64,${row.thumbnail}`, alt: `Image ${row.id}, ${nameOf(row)}` })
    : element("span", { className: "box", textContent: "no picture" });
  const score = row.calibrated === null ? row.score.toFixed(3) : `${row.score.toFixed(3)} · ${row.calibrated.toFixed(1)} σ`;
  const about = [row.camera ?? "no camera", time(row.time) || "no time", `${row.modality} · image ${row.id}`];
  const remove = element("button", { type: "button", textContent: "Delete", tabIndex: -1 });
  remove.setAttribute("aria-label", `Delete image ${row.id} of ${nameOf(row)}`);
  remove.addEventListener("click", () => removeCard(row));
  const bar = element("progress", { max: 1, value: Math.max(0, row.score) });
  bar.setAttribute("aria-label", "Score");
  const told = element("figcaption", {}, element("b", { textContent: `${place}. ${nameOf(row)}` }), element("div", { className: "score", textContent: score }), bar);
  told.append(...about.map((text) => element("small", { textContent: text })));
  const made = element("li", { className: "card", tabIndex: -1 }, element("figure", {}, picture, told), remove);
  made.setAttribute("aria-label", `${place}: ${nameOf(row)}, score ${score}`);
  made.dataset.id = row.id;
  made.addEventListener("keydown", (event) => onKey(event, made, row));
  made.addEventListener("focus", () => all().forEach((one) => (one.tabIndex = one === made ? 0 : -1)));
  return made;
}

const all = () => [...document.querySelectorAll(".card")];

function onKey(event, made, row) {
  if (event.target !== made) return;
  const cards = all(), here = cards.indexOf(made);
  const perRow = cards.filter((one) => one.parentNode === made.parentNode && one.offsetTop === made.offsetTop).length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow, Home: -here, End: cards.length - 1 - here };
  if (event.key in steps) {
    cards[Math.min(cards.length - 1, Math.max(0, here + steps[event.key]))].focus();
  } else if (event.key === "Delete" || event.key === "Backspace") {
    removeCard(row);
  } else return;
  event.preventDefault();
}

at("query").addEventListener("submit", (event) => { event.preventDefault(); search(); });
at("query").addEventListener("change", (event) => {
  if (event.target.id === "image") { choose(event.target.files[0]); event.target.value = ""; }
  else if (state.file) search();
});
at("slider").addEventListener("input", () => { state.line = at("slider").valueAsNumber; state.moved = true; draw(); });
at("rate").addEventListener("change", () => {
  state.line = state.found.thresholds.find((line) => String(line.target) === at("rate").value).value;
  state.moved = false;
  at("slider").value = state.line;
  draw();
});
for (const kind of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(kind, (event) => {
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") choose(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => choose([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));

// Removing

let answer = () => {};
function agreed(question) {
  answered(); // of a question before, whose dialog is closed and has not told so yet
  return new Promise((resolve) => {
    answer = resolve;
    say(question, "question");
    at("asking").returnValue = "no";
    at("asking").showModal();
    at("yes").focus();
  });
}

function answered() {
  if (!at("asking").open) answer(at("asking").returnValue === "yes");
}
at("asking").addEventListener("close", answered);

async function removed(question, filters) {
  if (!(await agreed(question))) return false;
  try {
    const { removed: count, overwritten } = await ask(`images?${new URLSearchParams(filters)}`, { method: "DELETE" });
    say(`${plural(count, "image is", "images are")} deleted${overwritten ? "; no byte is left" : ""}.`);
    showContents();
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

async function removeCard(row) {
  const place = state.found.candidates.indexOf(row);
  if (await removed(`Delete image ${row.id} of ${nameOf(row)} for good?`, { id: row.id })) {
    state.found.candidates.splice(place, 1);
    const told = at("status").textContent;
    draw();
    say(told);
  }
  (all()[Math.min(place, all().length - 1)] ?? at("image")).focus();
}

// People

async function showPeople(after = null) {
  try {
    const filters = after === null ? {} : { after };
    const part = await ask(`people?${new URLSearchParams(filters)}`);
    const rows = part.people.map((person) => {
      const button = element("button", { type: "button", className: "danger", textContent: "Delete" });
      button.setAttribute("aria-label", `Delete all images of ${person.name}`);
      const row = element("li", {}, element("span", { textContent: person.name }), element("small", { textContent: plural(person.images, "image", "images") }), button);
      button.addEventListener("click", async () => {
        if (await removed(`Delete ${plural(person.images, "image", "images")} of ${person.name} for good?`, { person: person.name })) {
          row.remove();
          if (state.file) search();
        }
      });
      return row;
    });
    if (after === null) at("names").replaceChildren(...(rows.length ? rows : [element("li", { textContent: "The gallery holds no person with a name." })]));
    else at("names").append(...rows);
    at("more").hidden = part.next === null;
    at("more").onclick = () => showPeople(part.next);
    if (!at("people").open) at("people").showModal();
  } catch (error) {
    say(error.message);
  }
}
at("open-people").addEventListener("click", () => showPeople());

// Adding

function openAdding(searched) {
  at("add").reset();
  say("", "added");
  at("files").parentNode.hidden = searched;
  at("searched").hidden = !searched;
  if (searched) at("add").elements.modality.value = at("query").elements.modality.value;
  at("adding").dataset.searched = searched ? "yes" : "";
  at("adding").showModal();
}

at("open-add").addEventListener("click", () => openAdding(false));
at("add-query").addEventListener("click", () => openAdding(true));
at("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = at("adding").dataset.searched ? [state.file] : [...at("files").files];
  if (!files.length) return say("Choose at least one image.", "added");
  const told = [];
  let count = 0;
  for (const file of files) {
    const body = new FormData();
    body.append("image", file, "image");
    for (const [name, value] of new FormData(at("add")).entries()) {
      if (typeof value === "string" && value.trim() !== "") body.append(name, name === "time" ? new Date(value).toISOString() : value);
    }
    try {
      const answer = await ask("images", { method: "POST", body });
      count += 1;
      told.push(...answer.remarks);
    } catch (error) {
      told.push(`${file.name}: ${error.message}`);
    }
    say(`${count} of ${plural(files.length, "image is", "images are")} in the gallery. ${[...new Set(told)].join(" ")}`, "added");
  }
  showContents();
});

for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());

// Light and dark

const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const showTheme = () => at("theme").setAttribute("aria-pressed", dark());
showTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
at("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  showTheme();
});

showContents();
