// Sends dropped files, and nothing about them but their bytes, and shows what comes back. Nothing is kept.

import { wake } from "./maps.js";

const form = document.getElementById("try");
const files = document.getElementById("files");
const chosen = document.getElementById("chosen");
const busy = document.getElementById("busy");
const answer = document.getElementById("answer");
const most = Number(form.dataset.mostFiles);
const mostBytes = Number(form.dataset.mostMb) * 2 ** 20;
const TRIES = 90;
const AGAIN_MS = 1000;
let newest = null;
form.hidden = false;

// Whose answer it is and the answer change together: no name ever stands over what was said of another file.
function show(names, ...nodes) {
  chosen.textContent = names;
  answer.replaceChildren(...nodes);
}

function say(names, text) {
  const line = document.createElement("p");
  line.className = "banner alarm";
  line.setAttribute("role", "alert");
  line.textContent = text;
  show(names, line);
}

function unfit(some) {
  const bytes = some.reduce((sum, file) => sum + file.size, 0);
  if (some.length > most) return `${some.length} files were chosen; a study has ${most} screens.`;
  if (bytes > mostBytes) return `These files are too large; together they may have ${form.dataset.mostMb} MB.`;
  return some.some((file) => !file.size) ? "One of these files is empty." : "";
}

// The server looks at one try a person, and ends what it has begun even if nobody waits for it: these files wait then.
async function asked(some, names, signal) {
  const headers = { "Content-Type": "application/octet-stream", "X-Part": "1" };
  const csrf = form.querySelector("input[name=csrf]");
  if (csrf) headers["X-CSRF-Token"] = csrf.value;
  const body = new Blob([some.map((file) => file.size).join(",") + "\n", ...some]);
  for (let left = TRIES; ; left -= 1) {
    const said = await fetch("/try", { method: "POST", headers, body, signal });
    const full = said.status === 503 && said.headers.has("x-part") && said.headers.has("retry-after");
    if (!full || !left) return said;
    busy.textContent = `The model is still at work on others; in line: ${names}`;
    await new Promise((on) => { setTimeout(on, AGAIN_MS); });
    signal.throwIfAborted();
  }
}

async function look(some, names, signal) {
  const said = await asked(some, names, signal);
  const text = await said.text();
  if (signal.aborted) return;
  if (said.status === 401) location.reload();
  const page = new DOMParser().parseFromString(text, "text/html");
  if (!said.ok && !said.headers.get("x-part")) return say(names, "These files could not be looked at. Nothing was kept of them.");
  show(names, ...page.body.childNodes);
  wake(answer);
}

async function send(list) {
  const some = [...list];
  files.value = "";
  if (!some.length) return;
  const names = some.map((file, place) => (some.length > 1 ? `${place + 1}: ${file.name}` : file.name)).join("   ");
  newest?.abort();
  const mine = new AbortController();
  newest = mine;
  const why = unfit(some);
  busy.hidden = Boolean(why);
  if (why) return say(names, why);
  busy.textContent = `The model is at work on ${names}`;
  show("");
  try {
    await look(some, names, mine.signal);
  } catch {
    if (mine === newest) say(names, "The server cannot be reached. Try again.");
  } finally {
    if (mine === newest) busy.hidden = true;
  }
}

files.addEventListener("change", () => send(files.files));
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    form.classList.add("over-it");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over-it");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("over-it");
  send(event.dataTransfer.files);
});
form.addEventListener("submit", (event) => event.preventDefault());
