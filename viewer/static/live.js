// Keeps the part of the page that changes up to date. Without it the browser reloads the page now and then.
"use strict";

const live = document.getElementById("live");
const stale = document.getElementById("stale");
const news = document.getElementById("news");
let tag = live.dataset.tag;

const CLOCK = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
const clock = new Intl.DateTimeFormat(undefined, CLOCK);
const calendar = new Intl.DateTimeFormat(undefined, { year: "numeric", ...CLOCK });
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function age(then) {
  const seconds = (Date.now() - then) / 1000;
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? ago.format(-Math.floor(seconds / size), unit) : "just now";
}

// Times in the reader's own zone and language, and how long ago that is.
function tellTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const then = new Date(time.dateTime);
    time.textContent = (then.getFullYear() === new Date().getFullYear() ? clock : calendar).format(then);
    time.title = calendar.format(then);
    const beside = time.parentElement.querySelector(".age");
    if (beside) beside.textContent = age(then);
  }
}

function keys(root) {
  return new Set([...root.querySelectorAll("[data-key]")].map((row) => row.dataset.key));
}

// Puts the new part in place of the old. Images that are shown already stay, and so does the focus.
function exchange(fresh) {
  const known = keys(live);
  const focused = document.activeElement?.closest("#live a")?.getAttribute("href");
  const shown = new Map([...live.querySelectorAll("img")].map((image) => [image.getAttribute("src"), image]));
  for (const image of fresh.querySelectorAll("img")) {
    const old = shown.get(image.getAttribute("src"));
    if (old) image.replaceWith(old);
  }
  tellTimes(fresh);
  const arrived = [...fresh.querySelectorAll("[data-key]")].filter((row) => !known.has(row.dataset.key));
  for (const row of arrived) row.classList.add("arrived");
  live.replaceChildren(...fresh.childNodes);
  live.dataset.every = fresh.dataset.every;
  if (arrived.length) news.textContent = `${arrived.length} new in the list`;
  if (focused) [...live.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus({ preventScroll: true });
}

async function ask() {
  const answer = await fetch(live.dataset.again, { headers: { "If-None-Match": tag }, cache: "no-store" });
  if (answer.status === 401 || answer.status === 403 || answer.status === 404) location.reload();
  if (answer.status !== 304 && !answer.ok) throw new Error("no page");
  if (answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = document.adoptNode(page.getElementById("live"));
    live.dataset.again = fresh.dataset.again;
    tag = fresh.dataset.tag;
    exchange(fresh);
  }
  tellTimes(live);
}

async function keepUp() {
  if (!document.hidden) {
    try {
      await ask();
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
  }
  setTimeout(keepUp, 1000 * Number(live.dataset.every));
}

tellTimes(live);
setTimeout(keepUp, 1000 * Number(live.dataset.every));
