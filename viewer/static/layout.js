// Draws a layout's shapes on a screen, by pointer and by keys. The numbers in the form are the truth; this shows them.

import { showKept } from "./kept.js";

const GRIP_PX = 9;
const image = document.getElementById("screen");
const shapes = document.getElementById("shapes");
const SVG = shapes.namespaceURI;
const onlyKept = document.getElementById("only-kept");
const view = document.getElementById("view");
const rows = [...document.querySelectorAll(".shape-row")];

const field = (row, letter) => row.querySelector(`[name="${letter}-${row.dataset.row}"]`);
const shapeOf = (row) => row.querySelector(`[name="shape-${row.dataset.row}"]`)?.value ?? row.dataset.shape;
const isCircle = (row) => shapeOf(row) === "circle";
const chosen = () => rows[Number(document.querySelector('[name="chosen"]:checked').value)];

function choose(row) {
  row.querySelector('[name="chosen"]').checked = true;
  for (const one of rows) one.classList.toggle("chosen", one === row);
}

function numbers(row) {
  const found = [...(isCircle(row) ? "abc" : "abcd")].map((letter) => field(row, letter).value);
  return found.every((text) => text !== "") ? found.map(Number) : null;
}

function put(row, found) {
  [..."abcd"].forEach((letter, n) => { field(row, letter).value = found[n] === undefined ? "" : Math.max(0, Math.round(found[n])); });
  draw();
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function outline(row, [a, b, c, d]) {
  if (isCircle(row)) return element("circle", { cx: a, cy: b, r: c });
  return element("rect", { x: Math.min(a, c), y: Math.min(b, d), width: Math.abs(c - a), height: Math.abs(d - b) });
}

function veil(kept) {
  const mask = element("mask", { id: "kept-mask" });
  mask.append(element("rect", { width: "100%", height: "100%", fill: "white" }));
  for (const [row, found] of kept) {
    const hole = outline(row, found);
    hole.setAttribute("fill", "black");
    mask.append(hole);
  }
  return [mask, element("rect", { width: "100%", height: "100%", class: "veil", mask: "url(#kept-mask)" })];
}

function shape(row, at) {
  const made = outline(row, at);
  made.setAttribute("class", `drawn-shape ${row.dataset.what}`);
  made.setAttribute("tabindex", "0");
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", `${row.querySelector(".titled").textContent}: ${at.join(", ")}`);
  made.dataset.of = row.dataset.row;
  return made;
}

function draw() {
  const focused = document.activeElement?.dataset?.of;
  shapes.setAttribute("viewBox", `0 0 ${image.naturalWidth || 1} ${image.naturalHeight || 1}`);
  const found = rows.map((row) => [row, numbers(row)]).filter(([, at]) => at);
  const kept = found.filter(([row]) => row.dataset.what === "panel");
  shapes.replaceChildren(...(onlyKept.checked ? veil(kept) : []), ...found.map(([row, at]) => shape(row, at)));
  if (focused !== undefined) shapes.querySelector(`[data-of="${focused}"]`)?.focus();
  showKept(image, kept.map(([row, at]) => ({ circle: isCircle(row), at })));
  for (const row of rows) {
    const names = isCircle(row) ? ["x", "y", "radius"] : ["left", "top", "right", "bottom"];
    [..."abcd"].forEach((letter, n) => {
      const label = field(row, letter).closest("label");
      label.hidden = n >= names.length;
      label.querySelector(".called").textContent = names[n] ?? "";
    });
    row.querySelector("[data-clear]").hidden = !numbers(row);
  }
}

function place(event) {
  const box = image.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * image.naturalWidth;
  const y = ((event.clientY - box.top) / box.height) * image.naturalHeight;
  return [Math.min(Math.max(x, 0), image.naturalWidth), Math.min(Math.max(y, 0), image.naturalHeight)];
}

function fresh(row, [x, y]) {
  if (isCircle(row)) return ([u, v]) => [x, y, Math.hypot(u - x, v - y)];
  return ([u, v]) => [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
}

// What a drag from there does to a shape: its edge makes it larger, its inside moves it.
function held(row, [x, y]) {
  const grip = (GRIP_PX * image.naturalWidth) / image.getBoundingClientRect().width;
  const at = numbers(row);
  if (isCircle(row)) {
    const [a, b, c] = at;
    if (Math.abs(Math.hypot(x - a, y - b) - c) <= grip) return ([u, v]) => [a, b, Math.max(1, Math.hypot(u - a, v - b))];
    return ([u, v]) => [a + u - x, b + v - y, c];
  }
  const moves = at.map((edge, n) => Math.abs((n % 2 ? y : x) - edge) <= grip);
  const all = !moves.includes(true);
  return ([u, v]) => at.map((edge, n) => (all || moves[n] ? edge + (n % 2 ? v - y : u - x) : edge));
}

let drag = null;

shapes.addEventListener("pointerdown", (event) => {
  const over = event.target.dataset.of;
  const row = over === undefined ? chosen() : rows[Number(over)];
  choose(row);
  const from = place(event);
  const act = over === undefined ? fresh(row, from) : held(row, from);
  drag = (to) => put(row, act(to));
  shapes.setPointerCapture(event.pointerId);
  event.preventDefault();
});
shapes.addEventListener("pointermove", (event) => drag?.(place(event)));
for (const kind of ["pointerup", "pointercancel"]) shapes.addEventListener(kind, () => { drag = null; });

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const GROWS = { "+": 1, "=": 1, "*": 1, "-": -1, "_": -1 };

function keyed(row, event) {
  const [a, b, c, d] = numbers(row);
  if (["Delete", "Backspace"].includes(event.key)) return [];
  const step = event.shiftKey ? 10 : 1;
  const [x, y] = MOVES[event.key] ?? [0, 0];
  const more = (GROWS[event.key] ?? 0) * step;
  if (!(event.key in MOVES) && !more) return null;
  if (isCircle(row)) return [a + x * step, b + y * step, Math.max(1, c + more)];
  return [a + x * step, b + y * step, c + x * step + more, d + y * step + more];
}

shapes.addEventListener("keydown", (event) => {
  const row = rows[Number(event.target.dataset.of)];
  const found = row && numbers(row) && keyed(row, event);
  if (!found) return;
  event.preventDefault();
  event.stopPropagation();
  put(row, found);
  if (!found.length) row.querySelector('[name="chosen"]').focus();
});

for (const row of rows) {
  row.addEventListener("focusin", () => choose(row));
  row.querySelector("[data-clear]").addEventListener("click", () => put(row, []));
}

// Each view has panels of its own: their names follow it.
function fit(names) {
  rows.filter((row) => row.dataset.what === "panel").forEach((row, n) => { row.hidden = n >= names.length; });
}
const named = () => view.selectedOptions[0].dataset.panels.split(" ");
view.addEventListener("change", () => {
  const names = named();
  rows.filter((row) => row.dataset.what === "panel").forEach((row, n) => {
    row.querySelector(`[name="name-${row.dataset.row}"]`).value = names[n] ?? names[0];
    if (n >= names.length) put(row, []);
  });
  fit(names);
});

document.getElementById("drawing").addEventListener("input", draw);
image.addEventListener("load", draw);
choose(chosen());
fit(named());
draw();
