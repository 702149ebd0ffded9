// The review that is being written: how long its comment is, and that nobody leaves it by mistake. Nothing of it is kept in
// the browser, since a comment may name a patient.

const sent = new WeakSet();

function isChanged(field) {
  return field.checked !== field.defaultChecked || (field.matches("textarea") && field.value.trim() !== "");
}

// Whether something is written that is on no server yet.
export function unsent() {
  const form = document.querySelector("form.review");
  if (!form || sent.has(form)) return false;
  return form.hasAttribute("data-written") || [...form.elements].some(isChanged);
}

function measure(comment) {
  const [length, most] = [[...comment.value.trim()].length, Number(comment.dataset.longest)];
  const over = length - most;
  const said = document.getElementById("length");
  said.textContent = over > 0 ? `${length} of ${most} characters: ${over} too many, nothing is cut` : `${length} of ${most} characters`;
  said.classList.toggle("warn", over > 0);
  comment.setAttribute("aria-invalid", String(over > 0));
  comment.setCustomValidity(over > 0 ? `The comment is ${over} characters too long.` : "");
}

function ask(event) {
  if (unsent()) event.preventDefault();
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form.review");
  if (!form) return;
  sent.delete(form);
  addEventListener("beforeunload", ask);
  if (event.target.matches("[data-longest]")) measure(event.target);
});
if (unsent()) addEventListener("beforeunload", ask);
document.addEventListener("submit", (event) => sent.add(event.target));
