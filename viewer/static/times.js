// Times in the reader's own zone and language, and how long ago that is.

const CLOCK = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
const clock = new Intl.DateTimeFormat(undefined, CLOCK);
const calendar = new Intl.DateTimeFormat(undefined, { year: "numeric", ...CLOCK });
const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const second = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function age(then) {
  const seconds = (Date.now() - then) / 1000;
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? ago.format(-Math.floor(seconds / size), unit) : "just now";
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function told(then) {
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return today.format(then);
  return (then.getFullYear() === now.getFullYear() ? clock : calendar).format(then);
}

export function exactly(then) {
  return second.format(then);
}

export function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const then = new Date(time.dateTime);
    set(time, time.hasAttribute("data-exact") ? exactly(then) : told(then));
    if (!time.title) time.title = exact.format(then);
    const beside = time.parentElement.querySelector(".age");
    if (beside) set(beside, age(then));
  }
}
