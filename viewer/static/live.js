// Keeps the part of the page that changes up to date: a stream says when, the page is asked what. Only what differs is
// touched, so that place, focus, selected text and whatever was typed stay. Without it the browser reloads the page.

import { unsent } from "./review.js";
import { tellTimes } from "./times.js";

const live = document.getElementById("live");
const stale = document.getElementById("stale");
const news = document.getElementById("news");
const out = document.getElementById("out");
const JITTER_MS = 250;
const REFUSED_MS = 15000;
const PATIENCE_MS = 10000; // longer than a slow server takes; an answer that never comes is told like none
let tag = live.dataset.tag;
let timer = 0;
let asking = false;
let again = false;

function keyOf(node) {
  return node.nodeType === 1 ? node.dataset?.key || node.id || node.getAttribute("src") || "" : "";
}

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function take(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !["style", "title", "tabindex", "open"].includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

// Makes ``old`` what ``fresh`` is, in as few changes as needed; what carries data-own belongs to the reader.
function become(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== 1) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.hasAttribute("data-own")) return;
  take(old, fresh);
  const keyed = new Map([...old.children].filter(keyOf).map((child) => [child.nodeName + keyOf(child), child]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = keyOf(wanted) && keyed.get(wanted.nodeName + keyOf(wanted));
    if (known) {
      if (known.contains(document.activeElement)) {
        // What is moved loses the focus: what stands before it goes behind it instead.
        while (place && place !== known) {
          const next = place.nextSibling;
          known.after(place);
          place = next;
        }
      }
      if (known !== place) old.insertBefore(known, place);
      else place = place.nextSibling;
      become(known, wanted);
    } else if (place && alike(place, wanted) && !keyOf(place)) {
      const next = place.nextSibling;
      become(place, wanted);
      place = next;
    } else {
      old.insertBefore(document.importNode(wanted, true), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

const sent = new WeakSet();
document.addEventListener("submit", (event) => sent.add(event.target));

function isWritten(form) {
  if (form.hasAttribute("data-written")) return true; // it came filled in
  const changed = [...form.elements].some((field) => field.checked !== field.defaultChecked || (field.matches("textarea") && field.value !== field.defaultValue));
  return changed || form.contains(document.activeElement);
}

// A review that is half written stays, and stays of its revision: the form of a newer one comes once it is sent.
function keepReview(fresh) {
  const form = live.querySelector("form.review");
  if (!form || !isWritten(form)) return;
  const section = form.closest("section");
  const other = fresh.querySelector("form.review");
  if (other && other.elements.case.value === form.elements.case.value) {
    // The reader has reviewed it elsewhere meanwhile: this one is to be another review, not the same once more.
    if (!sent.has(form)) form.elements.once.value = other.elements.once.value;
    other.closest("section").dataset.key = section.dataset.key;
    return;
  }
  const said = section.querySelector(".newer");
  if (said.hidden) news.textContent = said.textContent;
  said.hidden = false;
  const kept = section.cloneNode(true);
  if (other) other.closest("section").replaceWith(kept);
  else fresh.querySelector(".columns > .main").prepend("\n", kept);
  tag = ""; // asked for in full until then
}

// A login that is over takes the page away, but for what somebody is writing on it.
function leave() {
  if (out && unsent()) out.hidden = false;
  else location.reload();
}

// Who logged in again in another tab sends the forms of this one by that login; nobody sends what somebody else wrote.
function renewForms(fresh) {
  const [mine, now] = [live, fresh].map((part) => part.querySelector("form.review"));
  if (!mine || !now) return;
  const same = mine.dataset.reader === now.dataset.reader;
  out.hidden = same || !unsent();
  if (same) for (const field of document.querySelectorAll("input[name=csrf]")) field.value = now.elements.csrf.value;
}

function rowsOf(root) {
  return new Set([...root.querySelectorAll("tr[data-key]")].map((row) => row.dataset.key));
}

// The first row that is in sight stays where it is on the screen, whatever comes above it.
function anchor() {
  if (scrollY === 0) return () => {};
  const seen = [...live.querySelectorAll("tr[data-key]")].find((row) => row.getBoundingClientRect().bottom > 0);
  const top = seen?.getBoundingClientRect().top;
  return () => {
    if (seen?.isConnected) scrollBy({ top: seen.getBoundingClientRect().top - top, behavior: "instant" });
  };
}

function exchange(fresh) {
  const known = rowsOf(live);
  const hold = anchor();
  tellTimes(fresh);
  renewForms(fresh);
  keepReview(fresh);
  become(live, fresh);
  hold();
  const arrived = [...live.querySelectorAll("tr[data-key]")].filter((row) => !known.has(row.dataset.key));
  for (const row of arrived) row.classList.add("arrived");
  if (arrived.length && known.size) news.textContent = `${arrived.length} new in the list`;
  document.dispatchEvent(new CustomEvent("exchanged"));
}

async function ask() {
  const headers = { "If-None-Match": tag, "X-Part": "1" };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const answer = await fetch(live.dataset.again, { headers, cache: "no-store", redirect: "manual", signal });
  if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) return leave();
  if (answer.status !== 304 && !answer.ok) throw new Error("no page");
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  tag = fresh.dataset.tag;
  exchange(fresh);
}

async function keepUp() {
  clearTimeout(timer);
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  let wait = 1000 * Number(live.dataset.every);
  if (!document.hidden) {
    try {
      await ask();
      stale.hidden = true;
    } catch {
      stale.hidden = false;
      wait = Math.min(wait, 3000);
    }
  }
  asking = false;
  timer = setTimeout(keepUp, again ? JITTER_MS : wait);
  again = false;
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(keepUp, Math.random() * JITTER_MS);
}

// A browser opens few connections to one host: a page that nobody looks at gives its own back.
let stream = null;
function listen() {
  stream?.close();
  stream = null;
  if (document.hidden || !("EventSource" in window)) return;
  stream = new EventSource("/events");
  stream.addEventListener("change", soon);
  stream.addEventListener("ready", soon);
  stream.addEventListener("error", () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    soon(); // whoever is logged out is led to the login
    setTimeout(() => stream?.readyState === EventSource.CLOSED && listen(), REFUSED_MS);
  });
}
document.addEventListener("visibilitychange", () => {
  listen();
  if (!document.hidden) soon();
});
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => event.persisted && listen());

listen();
timer = setTimeout(keepUp, 1000 * Number(live.dataset.every));
