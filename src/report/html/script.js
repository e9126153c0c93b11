
(() => {
"use strict";
const all = (what, from = document) => [...from.querySelectorAll(what)];
const make = (tag, props = {}, ...inside) => { const e = Object.assign(document.createElement(tag), props); e.append(...inside); return e; };
const root = document.documentElement, search = document.getElementById("search"), theme = document.getElementById("theme");

// Dark and light: the reader's system first, the button after it.
const store = { get: () => { try { return localStorage.getItem("roottrail-theme"); } catch { return null; } }, set: v => { try { localStorage.setItem("roottrail-theme", v); } catch { /* private windows have no store */ } } };
const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const label = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-pressed", String(dark())); };
const turn = () => { root.dataset.theme = dark() ? "light" : "dark"; store.set(root.dataset.theme); label(); };
const saved = store.get();
if (saved === "dark" || saved === "light") root.dataset.theme = saved;
theme.addEventListener("click", turn);
label();

const PAGE = 25;
class Grid {
  constructor(table) {
    this.table = table;
    this.rows = [...table.tBodies];
    this.order = this.rows;
    this.page = 0;
    this.size = PAGE;
    this.facet = null;
    this.words = new WeakMap();
    const name = table.getAttribute("aria-label");
    this.filter = make("input", { type: "search", placeholder: "Filter", autocomplete: "off" });
    this.filter.setAttribute("aria-label", `Filter ${name}`);
    this.filter.addEventListener("input", () => this.show(0));
    this.count = make("span", { className: "count" });
    this.count.setAttribute("aria-live", "polite");
    this.tools = make("div", { className: "tools" }, this.filter);
    const levels = ["critical", "high", "medium", "low"].filter(s => this.rows.some(r => r.dataset.severity === s));
    if (levels.length > 1) {
      this.level = make("select", {}, make("option", { value: "", textContent: "Any severity" }), ...levels.map(s => make("option", { value: s, textContent: s })));
      this.level.setAttribute("aria-label", `Severity in ${name}`);
      this.level.addEventListener("change", () => this.show(0));
      this.tools.append(this.level);
    }
    this.chip = make("button", { type: "button", className: "chip", hidden: true });
    this.chip.addEventListener("click", () => this.only(null));
    const csv = make("button", { type: "button", textContent: "CSV", title: "Save the rows that are shown, of all pages" });
    csv.addEventListener("click", () => this.save());
    this.tools.append(this.chip, csv, this.count);
    table.parentElement.before(this.tools);
    this.back = make("button", { type: "button", textContent: "Previous" });
    this.forth = make("button", { type: "button", textContent: "Next" });
    this.where = make("span");
    this.back.addEventListener("click", () => this.show(this.page - 1));
    this.forth.addEventListener("click", () => this.show(this.page + 1));
    this.pager = make("div", { className: "pager" }, this.back, this.where, this.forth);
    table.parentElement.after(this.pager);
    all("thead th", table).forEach((head, at) => head.querySelector("button").addEventListener("click", () => this.sort(head, at)));
    this.rows.forEach(row => {
      if (!row.rows[1]) return;
      const button = make("button", { type: "button", className: "open", textContent: "▸" });
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-label", "Show more");
      button.addEventListener("click", () => this.open(row, row.rows[1].hidden));
      row.rows[0].cells[0].prepend(button);
    });
    this.show(0);
  }
  open(row, open) {
    const button = row.querySelector(".open");
    if (!button) return;
    row.rows[1].hidden = !open;
    button.textContent = open ? "▾" : "▸";
    button.setAttribute("aria-expanded", String(open));
  }
  text(row) {
    if (!this.words.has(row)) this.words.set(row, row.textContent.toLowerCase());
    return this.words.get(row);
  }
  fits(row) {
    const wanted = `${search.value} ${this.filter.value}`.toLowerCase().split(/\s+/).filter(Boolean);
    return (!this.level || !this.level.value || row.dataset.severity === this.level.value) && (!this.facet || this.facet.fits(row)) && wanted.every(word => this.text(row).includes(word));
  }
  show(page) {
    this.shown = this.order.filter(row => this.fits(row));
    const pages = Math.max(1, Math.ceil(this.shown.length / this.size));
    this.page = Math.min(Math.max(page, 0), pages - 1);
    const visible = new Set(this.shown.slice(this.page * this.size, (this.page + 1) * this.size));
    this.rows.forEach(row => { row.hidden = !visible.has(row); });
    this.count.textContent = this.shown.length === this.rows.length ? `${this.rows.length} rows` : `${this.shown.length} of ${this.rows.length} rows`;
    this.pager.hidden = pages === 1;
    this.where.textContent = `Page ${this.page + 1} of ${pages}`;
    this.back.disabled = this.page === 0;
    this.forth.disabled = this.page === pages - 1;
  }
  sort(head, at) {
    const up = head.getAttribute("aria-sort") !== "ascending";
    all("thead th", this.table).forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = row => { const cell = row.rows[0].cells[at]; return cell.dataset.sort ?? cell.textContent.trim(); };
    const keyed = this.rows.map((row, n) => ({ row, n, key: key(row) }));
    const numbers = keyed.every(one => one.key === "" || !Number.isNaN(Number(one.key)));
    keyed.sort((a, b) => (numbers ? Number(a.key) - Number(b.key) : a.key < b.key ? -1 : a.key > b.key ? 1 : 0) * (up ? 1 : -1) || a.n - b.n);
    this.order = keyed.map(one => one.row);
    this.table.append(...this.order);
    this.show(0);
  }
  only(facet) {
    this.facet = facet;
    this.chip.hidden = !facet;
    this.chip.textContent = facet ? `${facet.label} ✕` : "";
    this.show(0);
  }
  reveal(row) {
    if (!this.shown.includes(row)) { search.value = ""; this.filter.value = ""; if (this.level) this.level.value = ""; this.only(null); grids.forEach(grid => grid.show(grid.page)); }
    this.show(Math.floor(this.shown.indexOf(row) / this.size));
    all("tbody.found").forEach(other => other.classList.remove("found"));
    row.classList.add("found");
    this.open(row, true);
    row.scrollIntoView({ block: "center" });
    const button = row.querySelector(".open");
    if (button) button.focus({ preventScroll: true });
  }
  // No cell may start a formula in a spreadsheet, or break its line.
  save() {
    const cell = text => { const one = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ").trim(); return `"${(/^[\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(one) ? "'" : "") + one.replace(/"/g, '""')}"`; };
    const words = element => { const copy = element.cloneNode(true); all("button.open", copy).forEach(button => button.remove()); return copy.textContent; };
    const lines = [all("thead th", this.table).map(words), ...this.shown.map(row => [...row.rows[0].cells].map(words))];
    const link = make("a", { href: URL.createObjectURL(new Blob([lines.map(line => line.map(cell).join(",")).join("\n") + "\n"], { type: "text/csv" })), download: `root-${this.table.dataset.name}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}
const grids = all("table.grid").map(table => new Grid(table));
const findings = grids.find(grid => grid.table.dataset.name === "findings");
search.addEventListener("input", () => grids.forEach(grid => grid.show(0)));

const follow = hash => {
  const target = document.getElementById(decodeURIComponent(hash.slice(1)));
  const grid = target && grids.find(one => one.rows.includes(target));
  if (grid) grid.reveal(target);
  return Boolean(grid);
};
const day = row => (new Date(row.dataset.time).getUTCDay() + 6) % 7;
document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  const { account, from, to, day: weekday, hour } = link.dataset;
  if (account !== undefined || from !== undefined || weekday !== undefined) {
    event.preventDefault();
    const label = link.querySelector("title")?.textContent ?? account;
    findings.only({ label, fits: row => (account === undefined || row.dataset.account === account) && (from === undefined || (row.dataset.time >= from && row.dataset.time < to)) && (weekday === undefined || (Boolean(row.dataset.time) && day(row) === Number(weekday) && Number(row.dataset.time.slice(11, 13)) === Number(hour))) });
    document.getElementById("findings").scrollIntoView();
    return;
  }
  if (follow(link.getAttribute("href"))) event.preventDefault();
});
document.addEventListener("keydown", event => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); }
  else if (event.key === "t" && !typing) turn();
  else if (event.key === "Escape" && event.target.type === "search") { event.target.value = ""; event.target.dispatchEvent(new Event("input")); event.target.blur(); }
});
// Paper has no pages to turn and nothing to open.
const paper = on => {
  grids.forEach(grid => { grid.size = on ? 500 : PAGE; grid.show(0); });
  all("details").forEach(details => { if (on) { details.dataset.was = details.open; details.open = true; } else if (details.dataset.was !== undefined) details.open = details.dataset.was === "true"; });
};
addEventListener("beforeprint", () => paper(true));
addEventListener("afterprint", () => paper(false));
if (location.hash) follow(location.hash);
})();
