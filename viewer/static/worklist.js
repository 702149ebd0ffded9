// The filters take effect as they are chosen, and a row is one thing to click.

const filters = document.querySelector("form.filters");
filters.querySelector("button").hidden = true;
filters.addEventListener("change", () => {
  const query = new URLSearchParams([...new FormData(filters)].filter(([name, value]) => value && !(name === "sort" && value === "newest")));
  location.assign(query.size ? `/?${query}` : "/");
});

// On a small screen the list comes first.
const unfold = document.getElementById("unfold");
const small = matchMedia("(max-width: 48rem)");
function fold(folded) {
  filters.classList.toggle("folded", folded);
  unfold.setAttribute("aria-expanded", String(!folded));
}
function fit() {
  unfold.hidden = !small.matches;
  fold(small.matches);
}
unfold.addEventListener("click", () => fold(unfold.getAttribute("aria-expanded") === "true"));
small.addEventListener("change", fit);
fit();

// After going back, the study that was open is the one that is chosen.
const links = () => [...document.querySelectorAll(".worklist .patient a")];
try {
  const last = sessionStorage.getItem("opened");
  if (last) links().find((link) => link.getAttribute("href") === last)?.focus({ preventScroll: false });
  sessionStorage.removeItem("opened");
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".worklist .patient a");
    if (link) sessionStorage.setItem("opened", link.getAttribute("href"));
  });
} catch {
  // Without storage the list begins at its top.
}
