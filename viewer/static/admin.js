// Keeps the list of what was asked for up to date until all of it is answered; then the page shows what changed.

const EVERY_MS = 1500;
const LONGEST_MS = 15000;
let wait = EVERY_MS;

function untouched() {
  const fields = document.querySelectorAll("main :is(textarea, input:not([type=hidden]))");
  return [...fields].every((field) => field.value === field.defaultValue);
}

async function look() {
  const shown = document.getElementById("orders");
  if (!shown || shown.dataset.waiting === "0") return;
  try {
    const answer = await fetch(`/admin/orders/${shown.dataset.group}`, { credentials: "same-origin" });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("orders");
      if (fresh.dataset.waiting === "0" && untouched()) {
        location.reload();
        return;
      }
      if (fresh.outerHTML !== shown.outerHTML) shown.replaceWith(document.adoptNode(fresh));
    } else if (answer.status < 500) {
      return;
    }
  } catch {
    // The pages are away for a moment.
  }
  wait = Math.min(wait * 1.2, LONGEST_MS);
  setTimeout(look, wait);
}

setTimeout(look, 700);
