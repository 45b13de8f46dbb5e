// Keys: / search, j k rows, Enter open, x select, e edit, arrows cells, F2 edit the cell, n new, s save, ? help.
const help = document.getElementById("keyboard-help");
let current = null;

const rows = () => [...document.querySelectorAll("main tbody tr[data-row], main tbody tr[data-href]")];
const typing = (element) => element.closest("input, textarea, select, [contenteditable], .ts-wrapper, dialog") !== null;

function move(step) {
  const all = rows();
  if (!all.length) return;
  current ??= all.find((row) => row.classList.contains("is-current")) || null;
  const index = Math.min(Math.max(all.indexOf(current) + step, 0), all.length - 1);
  current?.classList.remove("is-current");
  current = all[index];
  current.classList.add("is-current");
  current.scrollIntoView({ block: "nearest" });
  (current.querySelector("a[href]") || current).focus({ preventScroll: true });
}

// Cells are walked with the arrows; down and up stay in the column.
const cellInHand = () => document.activeElement.closest?.("table[data-records] tbody td");

function step(event) {
  const cell = cellInHand();
  const row = cell ? cell.parentElement : current;
  if (!row?.isConnected || !row.closest("table[data-records]")) return false;
  const place = cell ? [...row.children].indexOf(cell) : 0;
  const [across, down] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event];
  if (!cell && down) return false;
  const all = rows();
  const target = all[all.indexOf(row) + down]?.children[place + across];
  if (!target || !target.previousElementSibling) return false;
  if (down) move(down);
  target.tabIndex = -1;
  target.focus();
  return true;
}

function editCell() {
  const editable = [...document.querySelectorAll("table[data-records] thead th")].findIndex((head) => head.hasAttribute("data-editable"));
  const cell = cellInHand() || (editable > 0 && current?.isConnected && current.children[editable]);
  cell?.dispatchEvent?.(new CustomEvent("celledit", { bubbles: true }));
  return Boolean(cell);
}

function editRow() {
  if (press("[data-key=e]")) return true;
  const href = current?.isConnected && current.closest("table[data-records]") && current.querySelector("td.name a[href], td a[href]")?.href;
  if (href) location.assign(`${href}/edit`);
  return Boolean(href);
}

function press(selector) {
  const inRow = current?.isConnected ? current.querySelector(selector) : null;
  const target = inRow || document.querySelector(`main ${selector}`);
  target?.click();
  return Boolean(target);
}

function focusSearch() {
  const field = document.querySelector("[data-search]");
  field?.focus();
  field?.select();
  return Boolean(field);
}

const actions = {
  "/": focusSearch,
  "?": () => { help?.showModal(); return true; },
  j: () => { move(1); return true; },
  k: () => { move(-1); return true; },
  x: () => press("input[type=checkbox][data-select-row]"),
  e: editRow,
  F2: editCell,
  ArrowRight: () => step("ArrowRight"),
  ArrowLeft: () => step("ArrowLeft"),
  ArrowDown: () => step("ArrowDown"),
  ArrowUp: () => step("ArrowUp"),
  n: () => press("[data-key=n]"),
  s: () => press("[data-save]"),
  Enter: () => {
    if (document.activeElement.matches("table[data-records] tbody td")) return editCell();
    if (!current?.isConnected || document.activeElement.closest("a, button")) return false;
    const href = current.dataset.href || current.querySelector("a[href]")?.href;
    if (href) location.assign(href);
    return Boolean(href);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && typing(event.target) && !event.target.closest("dialog")) event.target.blur();
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (actions[event.key]?.()) event.preventDefault();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keyboard-help]")) help?.showModal();
  if (event.target.closest("[data-close-dialog]") || event.target === help) event.target.closest("dialog")?.close();
});
