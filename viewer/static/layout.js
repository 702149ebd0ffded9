// Draws a layout's shapes on a screen, by pointer and by keys. The numbers in the form are the truth; this shows them.

import { fresh, grown, held, moved, touches } from "./geometry.js";
import { showKept } from "./kept.js";
import { Changes } from "./undo.js";

const GRIP_PX = 9;
const DRAG_PX = 5;
const form = document.getElementById("drawing");
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

const size = () => [image.naturalWidth, image.naturalHeight];
const grip = () => (GRIP_PX * image.naturalWidth) / image.getBoundingClientRect().width;
let wanted = true; // Whether somebody chose the row, or the one before it was drawn.

function choose(row, asked = true) {
  wanted = asked;
  row.querySelector('[name="chosen"]').checked = true;
  showChosen();
}

// One finger scrolls the page as long as there is nothing to draw.
function showChosen() {
  for (const one of rows) one.classList.toggle("chosen", one === chosen());
  for (const one of shapes.querySelectorAll("[data-of]")) one.classList.toggle("chosen", one.dataset.of === chosen().dataset.row);
  shapes.classList.toggle("ready", !numbers(chosen()));
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
  showChosen();
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

// Whose shape is under the pointer: of several the chosen one's, then the one that is drawn on top.
function under(event, spot) {
  if (numbers(chosen()) && touches(isCircle(chosen()), numbers(chosen()), spot, grip())) return chosen();
  if (event.target.dataset.of !== undefined) return rows[Number(event.target.dataset.of)];
  return rows.find((row) => numbers(row) && touches(isCircle(row), numbers(row), spot, grip()));
}

// A shape that is there is only moved or changed; ground is drawn on for a row that has none.
function begun(event) {
  const from = place(event);
  const [row, over] = [chosen(), under(event, from)];
  const empty = !numbers(row);
  if (empty && (wanted || !over)) return { row, over, act: (to) => fresh(isCircle(row), from, to, size()) };
  return over && { row: over, over, act: held(isCircle(over), numbers(over), from, grip(), size()) };
}

let drag = null;

shapes.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || drag || !image.naturalWidth) return;
  const found = begun(event);
  event.preventDefault();
  if (!found) return;
  drag = { ...found, event, before: numbers(found.row), far: false };
  shapes.setPointerCapture(event.pointerId);
});
shapes.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drag?.event.pointerId) return;
  drag.far ||= Math.hypot(event.clientX - drag.event.clientX, event.clientY - drag.event.clientY) >= DRAG_PX;
  if (!drag.far) return;
  if (drag.before) choose(drag.row);
  put(drag.row, drag.act(place(event)));
});
shapes.addEventListener("pointerup", (event) => {
  if (event.pointerId !== drag?.event.pointerId) return;
  const { row, over, before, far } = drag;
  drag = null;
  if (!far && over) choose(over);
  if (far && !before) choose(following(row), false);
  changes.note();
  if (over && (before || !far)) shapes.querySelector(`[data-of="${over.dataset.row}"]`)?.focus({ preventScroll: true });
});
for (const kind of ["pointercancel", "lostpointercapture"]) {
  shapes.addEventListener(kind, (event) => {
    if (event.pointerId !== drag?.event.pointerId) return;
    const { row, before } = drag;
    drag = null;
    put(row, before ?? []);
  });
}

// The next row with nothing drawn; the same one where there is none.
function following(row) {
  return rows.slice(rows.indexOf(row) + 1).find((one) => !one.hidden && !numbers(one)) ?? row;
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const GROWS = { "+": 1, "=": 1, "*": 1, "-": -1, "_": -1 };

function keyed(row, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (["Delete", "Backspace"].includes(event.key)) return [];
  const step = event.shiftKey ? 10 : 1;
  if (event.key in MOVES) return moved(isCircle(row), numbers(row), MOVES[event.key].map((one) => one * step), size());
  if (event.key in GROWS) return grown(isCircle(row), numbers(row), GROWS[event.key] * step, size());
  return null;
}

shapes.addEventListener("keydown", (event) => {
  const row = rows[Number(event.target.dataset.of)];
  const found = row && numbers(row) && keyed(row, event);
  if (!found) return;
  event.preventDefault();
  event.stopPropagation();
  put(row, found);
  changes.note();
  if (!found.length) row.querySelector('[name="chosen"]').focus();
});

for (const row of rows) {
  row.addEventListener("focusin", () => choose(row));
  row.querySelector("[data-clear]").addEventListener("click", () => {
    put(row, []);
    changes.note();
  });
}

// Each view has panels of its own: their names follow it.
function fit(names) {
  rows.filter((row) => row.dataset.what === "panel").forEach((row, n) => { row.hidden = n >= names.length; });
  if (chosen().hidden) choose(rows[0]);
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

form.addEventListener("input", draw);
image.addEventListener("load", draw);
const fields = [...form.elements].filter((one) => /^(view|nobody|[a-d]-\d|shape-\d|name-\d)$/.test(one.name));
const changes = new Changes(form, fields, document.getElementById("undo"), () => {
  fit(named());
  draw();
});
choose(chosen());
fit(named());
draw();
