// What every page has: the theme, the list of keys, times in the reader's zone.

import { exactly, tellTimes } from "./times.js";

const store = {
  get(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // The choice holds for this page.
    }
  },
};

const THEMES = ["auto", "dark", "light"];
const theme = document.getElementById("theme");

function showTheme() {
  const now = document.documentElement.dataset.theme ?? "auto";
  theme.querySelector(".called").textContent = { auto: "Auto", dark: "Dark", light: "Light" }[now];
  theme.setAttribute("aria-label", `Theme: ${now}. Change it.`);
}

theme.addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? "auto";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  store.set("theme", next);
  showTheme();
});
theme.hidden = false;
showTheme();

// The keys are the readers': where nobody reads there is no list of them.
const keys = document.getElementById("keys");
const help = document.getElementById("help");
const on = document.getElementById("keys-on");
if (keys) {
  help.hidden = false;
  help.addEventListener("click", () => keys.showModal());
  on.checked = store.get("keys") !== "off";
  on.addEventListener("change", () => store.set("keys", on.checked ? "on" : "off"));
}

function writes(target) {
  const input = target.closest?.("input, textarea, select");
  return Boolean(input) && !["radio", "checkbox", "range", "button", "submit"].includes(input.type);
}

function rows() {
  return [...document.querySelectorAll(".worklist tr[data-key] .patient a")];
}

function step(by) {
  const links = rows();
  const now = links.indexOf(document.activeElement.closest?.(".worklist tr[data-key]")?.querySelector(".patient a"));
  const next = links[now < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, now + by))];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.closest("tr").scrollIntoView({ block: "nearest" });
}

const ACTS = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => keys.showModal(),
  u: () => document.querySelector("[data-back]")?.click(),
  r: () => {
    const review = document.getElementById("review");
    review?.scrollIntoView({ block: "center" });
    (document.querySelector(".review input[type=radio]:checked") ?? document.querySelector(".review input[type=radio]"))?.focus({ preventScroll: true });
  },
};

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.id === "search") event.target.blur();
  if (!on?.checked || event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const act = ACTS[event.key];
  if (act) {
    event.preventDefault();
    act();
  } else {
    document.dispatchEvent(new CustomEvent("single-key", { detail: event }));
  }
});

// Back to the list as it was chosen: its address is remembered for this tab.
if (document.querySelector("form.filters")) {
  try {
    sessionStorage.setItem("list", location.pathname + location.search);
  } catch {
    // Then "back" leads to the whole list.
  }
} else {
  document.addEventListener("click", (event) => {
    const back = event.target.closest?.("[data-back]");
    let list = null;
    try {
      list = sessionStorage.getItem("list");
    } catch {
      return;
    }
    if (back?.getAttribute("href") === "/" && list) {
      event.preventDefault();
      location.assign(list);
    }
  });
}

// Where a row of places or choices is wider than the screen, the one that is shown is in sight; of a chart the newest.
for (const now of document.querySelectorAll(":is(.admin-places, .choices) [aria-current]")) {
  const row = now.parentElement;
  row.scrollLeft = now.offsetLeft - row.offsetLeft - (row.clientWidth - now.clientWidth) / 2;
}
for (const wide of document.querySelectorAll(".scroll:not([tabindex])")) {
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
}
for (const chart of document.querySelectorAll(".newest")) chart.scrollLeft = chart.scrollWidth;

// Whose times they are, and when a page was printed.
const zone = document.getElementById("zone");
zone.querySelector("span").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
zone.hidden = false;
let folded = [];
addEventListener("afterprint", () => folded.forEach((part) => (part.open = false)));
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details.whole:not([open])")]; // paper cannot be asked for the rest
  for (const part of folded) part.open = true;
  const printed = document.getElementById("printed");
  if (printed) printed.textContent = `, ${exactly(new Date())}`;
});

tellTimes(document);
setInterval(() => tellTimes(document), 30_000);
