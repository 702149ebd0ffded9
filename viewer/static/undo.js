// Takes changes of a form's fields back, one by one, and asks before a page is left whose changes were not sent.

const MOST = 200;

export class Changes {
  constructor(form, fields, button, shown) {
    Object.assign(this, { form, fields, button, shown, sent: false });
    this.kept = [this.now()];
    [this.first] = this.kept;
    button.addEventListener("click", () => this.back());
    form.addEventListener("change", () => this.note());
    form.addEventListener("submit", () => { this.sent = true; });
    addEventListener("pageshow", () => { this.sent = false; });
    addEventListener("beforeunload", (event) => {
      if (!this.sent && ("unsaved" in form.dataset || this.now() !== this.first)) event.preventDefault();
    });
    addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      if (event.target.matches('input[type="text"]')) return; // the browser's own
      event.preventDefault();
      this.back();
    });
  }

  now() {
    return JSON.stringify(this.fields.map((field) => (field.type === "checkbox" ? field.checked : field.value)));
  }

  // Something may have changed: what was before can be had again.
  note() {
    if (this.now() !== this.kept.at(-1)) this.kept.push(this.now());
    if (this.kept.length > MOST) this.kept.shift();
    this.button.disabled = this.kept.length < 2;
  }

  back() {
    this.note();
    if (this.kept.length < 2) return;
    this.kept.pop();
    JSON.parse(this.kept.at(-1)).forEach((value, n) => { this.fields[n][this.fields[n].type === "checkbox" ? "checked" : "value"] = value; });
    this.button.disabled = this.kept.length < 2;
    this.shown();
  }
}
