// Shows what a drawn layout would store: its panels in a square of two by two, and nothing between them.

const TILE = 180;
const canvas = document.getElementById("kept");
const none = document.getElementById("kept-none");
const near = document.getElementById("kept-near");

function paint(pen, image, { circle, at }, place) {
  const [left, top] = [(place % 2) * TILE, Math.floor(place / 2) * TILE];
  const [a, b, c, d] = at;
  const [x, y, width, height] = circle ? [a - c, b - c, 2 * c, 2 * c] : [Math.min(a, c), Math.min(b, d), Math.abs(c - a), Math.abs(d - b)];
  const share = TILE / Math.max(width, height, 1);
  pen.save();
  pen.beginPath();
  if (circle) pen.arc(left + TILE / 2, top + TILE / 2, TILE / 2, 0, 2 * Math.PI);
  else pen.rect(left, top, width * share, height * share);
  pen.clip();
  pen.drawImage(image, x, y, width, height, left, top, width * share, height * share);
  pen.restore();
}

export function showKept(image, panels) {
  canvas.hidden = near.hidden = !panels.length;
  none.hidden = panels.length > 0;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (image.naturalWidth) panels.forEach((panel, place) => paint(pen, image, panel, place));
}
