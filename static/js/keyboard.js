// Keys: / search, j k rows, Enter open, x select, e edit, n new, s save, ? help.
const help = document.getElementById("keyboard-help");
let current = null;

const rows = () => [...document.querySelectorAll("main tbody tr[data-row], main tbody tr[data-href]")];
const typing = (element) => element.closest("input, textarea, select, [contenteditable], .ts-wrapper, dialog") !== null;

function move(step) {
  const all = rows();
  if (!all.length) return;
  const index = Math.min(Math.max(all.indexOf(current) + step, 0), all.length - 1);
  current?.classList.remove("is-current");
  current = all[index];
  current.classList.add("is-current");
  current.scrollIntoView({ block: "nearest" });
  (current.querySelector("a[href]") || current).focus({ preventScroll: true });
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
  e: () => press("[data-key=e]"),
  n: () => press("[data-key=n]"),
  s: () => press("[data-save]"),
  Enter: () => {
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
