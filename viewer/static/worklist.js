// The filters take effect as they are chosen, and a row is one thing to click. A day that is typed is whole, and meant,
// once its field is left or Enter is pressed: a browser tells of a change at the first digit of the year.

const filters = document.querySelector("form.filters");
filters.querySelector("button").hidden = true;
let typed = null;

function apply() {
  const query = new URLSearchParams([...new FormData(filters)].filter(([name, value]) => value && !(name === "sort" && value === "newest")));
  location.assign(query.size ? `/?${query}` : "/");
}

filters.addEventListener("keydown", ({ target }) => {
  if (target.type === "date") typed = target;
});
filters.addEventListener("change", ({ target }) => {
  if (target !== typed) apply();
});
filters.addEventListener("focusout", ({ target }) => {
  if (target !== typed) return;
  typed = null;
  if (target.value !== target.defaultValue && target.validity.valid) apply();
});
filters.addEventListener("submit", (event) => {
  event.preventDefault();
  apply();
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
