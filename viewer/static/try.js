// Sends dropped files, and nothing about them but their bytes, and shows what comes back. Nothing is kept.

import { wake } from "./maps.js";

const form = document.getElementById("try");
const files = document.getElementById("files");
const chosen = document.getElementById("chosen");
const busy = document.getElementById("busy");
const answer = document.getElementById("answer");
const most = Number(form.dataset.mostFiles);
const mostBytes = Number(form.dataset.mostMb) * 2 ** 20;
form.hidden = false;

function say(text) {
  const line = document.createElement("p");
  line.className = "banner alarm";
  line.setAttribute("role", "alert");
  line.textContent = text;
  answer.replaceChildren(line);
}

async function send(list) {
  const some = [...list];
  if (!some.length) return;
  const bytes = some.reduce((sum, file) => sum + file.size, 0);
  chosen.textContent = some.map((file, place) => (some.length > 1 ? `${place + 1}: ${file.name}` : file.name)).join("   ");
  if (some.length > most) return say(`${some.length} files were chosen; a study has ${most} screens.`);
  if (bytes > mostBytes) return say(`These files are too large; together they may have ${form.dataset.mostMb} MB.`);
  if (some.some((file) => !file.size)) return say("One of these files is empty.");
  busy.hidden = false;
  answer.replaceChildren();
  const headers = { "Content-Type": "application/octet-stream", "X-Part": "1" };
  const csrf = form.querySelector("input[name=csrf]");
  if (csrf) headers["X-CSRF-Token"] = csrf.value;
  try {
    const body = new Blob([some.map((file) => file.size).join(",") + "\n", ...some]);
    const said = await fetch("/try", { method: "POST", headers, body });
    if (said.status === 401) location.reload();
    const page = new DOMParser().parseFromString(await said.text(), "text/html");
    if (said.ok || said.headers.get("x-part")) answer.replaceChildren(...page.body.childNodes);
    else say("These files could not be looked at. Nothing was kept of them.");
    wake(answer);
  } catch {
    say("The server cannot be reached. Try again.");
  } finally {
    busy.hidden = true;
    files.value = "";
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
