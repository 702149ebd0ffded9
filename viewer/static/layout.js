// Draws a layout's shapes on a screen, by pointer and by keys. The numbers in the form are the truth; this shows them.

const SVG = document.getElementById("shapes").namespaceURI;
const image = document.getElementById("screen");
const shapes = document.getElementById("shapes");
const onlyKept = document.getElementById("only-kept");
const rows = [...document.querySelectorAll(".shape-row")];

const field = (row, letter) => row.querySelector(`[name="${letter}-${row.dataset.row}"]`);
const shapeOf = (row) => row.querySelector(`[name="shape-${row.dataset.row}"]`)?.value ?? row.dataset.shape;
const chosen = () => rows[Number(document.querySelector('[name="chosen"]:checked').value)];

function numbers(row) {
  const letters = shapeOf(row) === "circle" ? "abc" : "abcd";
  const found = [...letters].map((letter) => field(row, letter).value);
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
  if (shapeOf(row) === "circle") return element("circle", { cx: a, cy: b, r: c });
  return element("rect", { x: Math.min(a, c), y: Math.min(b, d), width: Math.abs(c - a), height: Math.abs(d - b) });
}

function veil(kept) {
  const mask = element("mask", { id: "kept" });
  mask.append(element("rect", { width: "100%", height: "100%", fill: "white" }));
  for (const [row, found] of kept) {
    const hole = outline(row, found);
    hole.setAttribute("fill", "black");
    mask.append(hole);
  }
  return [mask, element("rect", { width: "100%", height: "100%", class: "veil", mask: "url(#kept)" })];
}

function draw() {
  const focused = document.activeElement?.dataset?.of;
  shapes.setAttribute("viewBox", `0 0 ${image.naturalWidth || 1} ${image.naturalHeight || 1}`);
  const found = rows.map((row) => [row, numbers(row)]).filter(([, at]) => at);
  const parts = found.map(([row, at]) => {
    const made = outline(row, at);
    made.setAttribute("class", `drawn-shape ${row.dataset.what}`);
    made.setAttribute("tabindex", "0");
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", `${row.querySelector("legend").textContent.trim()}: ${at.join(", ")}`);
    made.dataset.of = row.dataset.row;
    return made;
  });
  const kept = found.filter(([row]) => row.dataset.what === "panel");
  shapes.replaceChildren(...(onlyKept.checked ? veil(kept) : []), ...parts);
  if (focused !== undefined) shapes.querySelector(`[data-of="${focused}"]`)?.focus();
  for (const row of rows) {
    const names = shapeOf(row) === "circle" ? ["x", "y", "radius"] : ["left", "top", "right", "bottom"];
    [..."abcd"].forEach((letter, n) => {
      const label = field(row, letter).closest("label");
      label.hidden = n >= names.length;
      label.querySelector(".called").textContent = names[n] ?? "";
    });
  }
}

function place(event) {
  const box = image.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * image.naturalWidth;
  const y = ((event.clientY - box.top) / box.height) * image.naturalHeight;
  return [Math.min(Math.max(x, 0), image.naturalWidth), Math.min(Math.max(y, 0), image.naturalHeight)];
}

let from = null;

shapes.addEventListener("pointerdown", (event) => {
  from = place(event);
  shapes.setPointerCapture(event.pointerId);
  event.preventDefault();
});

shapes.addEventListener("pointermove", (event) => {
  if (!from) return;
  const [x, y] = from;
  const [u, v] = place(event);
  const circle = shapeOf(chosen()) === "circle";
  put(chosen(), circle ? [x, y, Math.hypot(u - x, v - y)] : [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)]);
});

for (const kind of ["pointerup", "pointercancel"]) shapes.addEventListener(kind, () => { from = null; });

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const GROWS = { "+": 1, "=": 1, "*": 1, "-": -1, "_": -1 };

shapes.addEventListener("keydown", (event) => {
  const row = rows[Number(event.target.dataset.of)];
  const at = row && numbers(row);
  if (!at) return;
  const step = event.shiftKey ? 10 : 1;
  const [x, y] = MOVES[event.key] ?? [0, 0];
  const more = (GROWS[event.key] ?? 0) * step;
  if (!(event.key in MOVES) && !more) return;
  event.preventDefault();
  event.stopPropagation();
  const [a, b, c, d] = at;
  if (shapeOf(row) === "circle") put(row, [a + x * step, b + y * step, Math.max(1, c + more)]);
  else put(row, [a + x * step, b + y * step, c + x * step + more, d + y * step + more]);
});

document.getElementById("drawing").addEventListener("input", draw);
image.addEventListener("load", draw);
draw();
