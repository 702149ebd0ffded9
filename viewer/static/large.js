// One picture as large as the window: zoomed at the pointer or between two fingers, moved by whatever holds it.

const SCALES = [1, 1.5, 2, 3, 4, 6];
const MOST = SCALES.at(-1);
const PER_PIXEL = 0.002;
const PER_PINCHED = 0.01;
const LINE_PX = 32;
const GAP = 4;
const large = document.getElementById("large");
const stage = large.querySelector(".stage");
const told = document.getElementById("large-scale");
const held = new Map();
let scale = 1;
let at = { x: 0, y: 0 };

function place() {
  const room = (scale - 1) / 2;
  const { width, height } = stage.getBoundingClientRect();
  at = { x: Math.max(-room * width, Math.min(room * width, at.x)), y: Math.max(-room * height, Math.min(room * height, at.y)) };
  for (const layer of stage.querySelectorAll("img, canvas")) layer.style.transform = `translate(${at.x}px, ${at.y}px) scale(${scale})`;
  for (const name of stage.querySelectorAll(".tile-name")) caption(name, width, height);
  told.textContent = `${Math.round(100 * scale)} %`;
}

// A map's name stands outside of it, and at the edge of the window once that is reached.
function caption(name, width, height) {
  const layer = stage.querySelector("img, canvas");
  const side = (scale * Math.min(layer.offsetWidth, layer.offsetHeight)) / 2;
  const [column, row] = [Number(name.dataset.tile) % 2, Math.floor(Number(name.dataset.tile) / 2)];
  const [left, top] = [width / 2 + at.x + (column - 1) * side, height / 2 + at.y + (row - 1) * side];
  const [from, to] = [Math.max(0, left), Math.min(width, left + side)];
  name.style.visibility = to - from > GAP && top < height - GAP && top + side > GAP ? "visible" : "hidden";
  const y = row ? Math.min(height - name.offsetHeight - GAP, top + side + GAP) : Math.max(GAP, top - name.offsetHeight - GAP);
  const x = Math.max(GAP, Math.min(width - name.offsetWidth - GAP, (from + to - name.offsetWidth) / 2));
  name.style.transform = `translate(${x}px, ${y}px)`;
}

function fromMiddle({ clientX, clientY }) {
  const box = stage.getBoundingClientRect();
  return { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
}

// What lies at one place is at the other one afterwards: where it was if there is but one.
function zoomTo(wanted, from = { x: 0, y: 0 }, to = from) {
  const next = Math.max(1, Math.min(MOST, wanted));
  at = { x: to.x - ((from.x - at.x) * next) / scale, y: to.y - ((from.y - at.y) * next) / scale };
  scale = next;
  place();
}

function step(by) {
  const next = by > 0 ? SCALES.find((one) => one > scale + 0.01) : SCALES.findLast((one) => one < scale - 0.01);
  zoomTo(by ? (next ?? scale) : 1);
}

function move(x, y) {
  at = { x: at.x + x, y: at.y + y };
  place();
}

export function enlarge(title, layers, names) {
  document.getElementById("large-title").textContent = title;
  const captions = names.map((text, tile) => {
    const name = document.createElement("span");
    name.className = "tile-name";
    name.dataset.tile = String(tile);
    name.textContent = text;
    return name;
  });
  stage.replaceChildren(...layers, ...captions.filter((name) => name.textContent));
  for (const layer of layers) layer.draggable = false;
  held.clear();
  large.showModal();
  step(0);
  stage.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-zoom]");
  if (button) step({ in: 1, out: -1, fit: 0 }[button.dataset.zoom]);
});
large.addEventListener("keydown", (event) => {
  const zooms = { "+": 1, "=": 1, "-": -1, "0": 0 };
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in zooms) step(zooms[event.key]);
  else if (event.key in moves && event.target === stage) move(...moves[event.key]);
  else return;
  event.preventDefault();
});
// A touchpad sends many small steps and a wheel few large ones: what counts is how far.
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const far = event.deltaY * [1, LINE_PX, stage.clientHeight][event.deltaMode];
  zoomTo(scale * Math.exp(-far * (event.ctrlKey ? PER_PINCHED : PER_PIXEL)), fromMiddle(event));
}, { passive: false });
stage.addEventListener("dblclick", (event) => zoomTo(scale > 1 ? 1 : 2, fromMiddle(event)));
stage.addEventListener("dragstart", (event) => event.preventDefault());
stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  stage.setPointerCapture(event.pointerId);
  held.set(event.pointerId, event);
});
stage.addEventListener("pointermove", (event) => {
  const before = held.get(event.pointerId);
  if (!before) return;
  held.set(event.pointerId, event);
  const other = [...held.values()].find((one) => one.pointerId !== event.pointerId);
  if (other) pinch(before, event, other);
  else move(event.clientX - before.clientX, event.clientY - before.clientY);
});
for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
  stage.addEventListener(kind, (event) => held.delete(event.pointerId));
}

function pinch(before, now, other) {
  const apart = (one) => Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY));
  const middle = (one) => fromMiddle({ clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 });
  zoomTo((scale * apart(now)) / apart(before), middle(before), middle(now));
}

addEventListener("resize", () => { if (large.open) place(); });
