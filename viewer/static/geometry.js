// Shapes in whole pixels of a picture: a circle is x, y, radius; a box left, top, right, bottom. All of them stay on it.

const within = (value, low, high) => Math.max(low, Math.min(high, value));
const room = ([x, y], [width, height]) => Math.max(1, Math.min(x, y, width - 1 - x, height - 1 - y));
const ordered = ([a, b, c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];

// The shape that a drag makes: a circle from its middle, a box from corner to corner.
export function fresh(circle, [x, y], [u, v], size) {
  if (circle) {
    const middle = [Math.round(x), Math.round(y)];
    return [...middle, within(Math.round(Math.hypot(u - x, v - y)), 1, room(middle, size))];
  }
  const [left, top, right, bottom] = ordered([x, y, u, v].map(Math.round));
  return [left, top, Math.max(left + 1, right), Math.max(top + 1, bottom)];
}

// As it is, elsewhere: at an edge of the picture it stops and keeps its size.
export function moved(circle, at, [x, y], [width, height]) {
  const [a, b, c, d] = circle ? at : ordered(at);
  const [left, top, right, bottom] = circle ? [a - c, b - c, a + c + 1, b + c + 1] : [a, b, c, d];
  const across = within(Math.round(x), Math.min(0, -left), Math.max(0, width - right));
  const down = within(Math.round(y), Math.min(0, -top), Math.max(0, height - bottom));
  return circle ? [a + across, b + down, c] : [a + across, b + down, c + across, d + down];
}

export function grown(circle, at, by, [width, height]) {
  if (circle) return [at[0], at[1], within(at[2] + by, 1, room(at, [width, height]))];
  const [left, top, right, bottom] = ordered(at);
  return [left, top, within(right + by, left + 1, Math.max(left + 1, width)), within(bottom + by, top + 1, Math.max(top + 1, height))];
}

// Whether a place is on a shape or so near to its edge.
export function touches(circle, at, [x, y], grip) {
  if (circle) return Math.hypot(x - at[0], y - at[1]) <= at[2] + grip;
  const [left, top, right, bottom] = ordered(at);
  return x >= left - grip && x <= right + grip && y >= top - grip && y <= bottom + grip;
}

// What a drag from there does to a shape: its edge makes it larger or smaller, its inside moves it.
export function held(circle, at, [x, y], grip, size) {
  const move = ([u, v]) => moved(circle, at, [u - x, v - y], size);
  if (circle) {
    const [a, b, radius] = at;
    if (Math.abs(Math.hypot(x - a, y - b) - radius) > grip) return move;
    return ([u, v]) => [a, b, within(Math.round(Math.hypot(u - a, v - b)), 1, room(at, size))];
  }
  const [left, top, right, bottom] = ordered(at);
  const edges = [[x, left], [y, top], [x, right], [y, bottom]].map(([place, edge]) => Math.abs(place - edge) <= grip);
  if (!edges.includes(true)) return move;
  return ([u, v]) => [
    edges[0] ? within(Math.round(left + u - x), 0, right - 1) : left,
    edges[1] ? within(Math.round(top + v - y), 0, bottom - 1) : top,
    edges[2] && !edges[0] ? within(Math.round(right + u - x), left + 1, size[0]) : right,
    edges[3] && !edges[1] ? within(Math.round(bottom + v - y), top + 1, size[1]) : bottom,
  ];
}
