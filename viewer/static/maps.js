// The polar maps: how much of the overlay is shown and for which class, and one map as large as the window.

const SCALES = [1, 1.5, 2, 3, 4, 6];
let opacity = Number(remembered("overlay") ?? 45);
let shown = opacity > 0 ? opacity : 45;

function remembered(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function cover(value) {
  opacity = Math.max(0, Math.min(100, value));
  if (opacity > 0) shown = opacity;
  try {
    sessionStorage.setItem("overlay", String(opacity));
  } catch {
    // It holds for this page.
  }
  for (const over of document.querySelectorAll(".over")) over.style.opacity = String(opacity / 100);
  for (const slider of document.querySelectorAll("[data-overlay-slider]")) {
    slider.value = String(opacity);
    slider.nextElementSibling.textContent = `${opacity} %`;
    slider.setAttribute("aria-valuetext", `${opacity} percent`);
  }
}

async function draw(canvas, text) {
  if (!text) return;
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

function explain(part, label) {
  for (const over of part.querySelectorAll("img.over")) over.src = over.dataset.overlay.replace("{label}", label);
  for (const over of part.querySelectorAll("canvas.over")) draw(over, over.getAttribute(`data-png-${label}`));
  tellNothing(part, label);
}

function tellNothing(part, label) {
  for (const note of part.querySelectorAll("[data-speaks]")) {
    note.hidden = note.dataset.speaks.split(" ").includes(label);
    note.textContent = `Nothing on it speaks for ${label}`;
  }
}

export function wake(root) {
  for (const canvas of root.querySelectorAll("canvas.crop")) draw(canvas, canvas.dataset.png);
  for (const part of root.querySelectorAll(".maps")) {
    const chosen = part.querySelector("[data-overlay-label]:checked");
    if (chosen) explain(part, chosen.value);
  }
  cover(opacity);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-overlay-slider]")) cover(Number(event.target.value));
  if (event.target.matches("[data-overlay-label]")) explain(event.target.closest(".maps"), event.target.value);
});
document.addEventListener("exchanged", () => cover(opacity));
document.addEventListener("single-key", ({ detail: event }) => {
  const labels = [...document.querySelectorAll(".maps [data-overlay-label]")];
  const acts = { o: () => cover(opacity ? 0 : shown), "[": () => cover(opacity - 10), "]": () => cover(opacity + 10), z: () => document.querySelector("[data-enlarge]")?.click() };
  const number = Number(event.key);
  if (acts[event.key]) acts[event.key]();
  else if (number >= 1 && labels[number - 1]) labels[number - 1].click();
});

const large = document.getElementById("large");
const stage = large.querySelector(".stage");
const told = document.getElementById("large-scale");
let scale = 1;
let at = { x: 0, y: 0 };

function place() {
  const room = (scale - 1) / 2;
  const { width, height } = stage.getBoundingClientRect();
  at = { x: Math.max(-room * width, Math.min(room * width, at.x)), y: Math.max(-room * height, Math.min(room * height, at.y)) };
  for (const layer of stage.children) layer.style.transform = `translate(${at.x}px, ${at.y}px) scale(${scale})`;
  told.textContent = `${Math.round(100 * scale)} %`;
}

function zoom(by) {
  const next = SCALES.findIndex((one) => one >= scale - 0.01) + by;
  scale = by === 0 ? 1 : SCALES[Math.max(0, Math.min(SCALES.length - 1, next))];
  place();
}

function copied(layer) {
  const copy = layer.cloneNode(false);
  if (layer.matches("canvas")) copy.getContext("2d").drawImage(layer, 0, 0);
  return copy;
}

document.addEventListener("click", (event) => {
  const from = event.target.closest?.("[data-enlarge]");
  if (from) {
    document.getElementById("large-title").textContent = from.dataset.enlarge;
    stage.replaceChildren(...[...from.children].map(copied));
    large.showModal();
    zoom(0);
    stage.focus();
  }
  const button = event.target.closest?.("[data-zoom]");
  if (button) zoom({ in: 1, out: -1, fit: 0 }[button.dataset.zoom]);
});
large.addEventListener("keydown", (event) => {
  const zooms = { "+": 1, "=": 1, "-": -1, "0": 0 };
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (event.key in zooms) zoom(zooms[event.key]);
  else if (event.key in moves && event.target === stage) {
    at = { x: at.x + moves[event.key][0], y: at.y + moves[event.key][1] };
    place();
  } else if (event.key === "o") cover(opacity ? 0 : shown);
  else if (event.key === "[") cover(opacity - 10);
  else if (event.key === "]") cover(opacity + 10);
  else return;
  event.preventDefault();
});
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1 : -1);
}, { passive: false });
stage.addEventListener("dblclick", () => zoom(scale > 1 ? 0 : 2));
stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  const from = { x: event.clientX - at.x, y: event.clientY - at.y };
  const move = (now) => {
    at = { x: now.clientX - from.x, y: now.clientY - from.y };
    place();
  };
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", () => stage.removeEventListener("pointermove", move), { once: true });
});

wake(document);
