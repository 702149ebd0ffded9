// The polar maps: how much of the overlay is shown and for which class, and one map as large as the window.

import { enlarge } from "./large.js";

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
  canvas.wanted = text;
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  if (canvas.wanted !== text) return; // another class was chosen meanwhile
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
  const labels = [...document.querySelectorAll(".maps:not(dialog) [data-overlay-label]")];
  const acts = { o: () => cover(opacity ? 0 : shown), "[": () => cover(opacity - 10), "]": () => cover(opacity + 10), z: () => document.querySelector("[data-enlarge]")?.click() };
  const number = Number(event.key);
  if (acts[event.key]) acts[event.key]();
  else if (number >= 1 && labels[number - 1]) labels[number - 1].click();
});

const large = document.getElementById("large");
let from = null;

function copied(layer) {
  const copy = layer.cloneNode(false);
  if (layer.matches("canvas")) copy.getContext("2d").drawImage(layer, 0, 0);
  return copy;
}

// The enlarged picture has the slider and the classes that the page has, and what is chosen there holds here as well.
function open(button) {
  from = button;
  const layers = [...button.children].map(copied);
  large.querySelector(".overlay-tools").hidden = !layers.some((layer) => layer.matches(".over"));
  const label = button.closest(".maps")?.querySelector("[data-overlay-label]:checked")?.value;
  for (const one of large.querySelectorAll("[data-overlay-label]")) one.checked = one.value === label;
  enlarge(button.dataset.enlarge, layers, JSON.parse(button.dataset.names ?? "[]"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-enlarge]");
  if (button) open(button);
});
large.addEventListener("input", (event) => {
  if (event.target.matches("[data-overlay-label]")) from.closest(".maps")?.querySelector(`[data-overlay-label][value="${event.target.value}"]`)?.click();
});
large.addEventListener("keydown", (event) => {
  const acts = { o: () => cover(opacity ? 0 : shown), "[": () => cover(opacity - 10), "]": () => cover(opacity + 10) };
  const label = Number(event.key) >= 1 && large.querySelectorAll(".overlay-tools:not([hidden]) [data-overlay-label]")[Number(event.key) - 1];
  if (event.ctrlKey || event.metaKey || event.altKey || !(acts[event.key] || label)) return;
  if (label) label.click();
  else acts[event.key]();
  event.preventDefault();
});

wake(document);
