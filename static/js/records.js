// Lists and forms of records: filter panel, "all matching", order of child rows.
const panelTarget = () => {
  let dialog = document.getElementById("filter-panel");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.id = "filter-panel";
    dialog.className = "side-panel";
    dialog.setAttribute("aria-label", "Filters");
    document.body.append(dialog);
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  return dialog;
};

async function openPanel(link) {
  const dialog = panelTarget();
  try {
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(answer.statusText);
    dialog.innerHTML = `<div class="dialog-head"><h2>Filters</h2><button type="button" class="btn btn-sm" data-close-panel>Close</button></div>${await answer.text()}`;
  } catch {
    location.assign(link.href); // the same panel is a page of its own
    return;
  }
  dialog.showModal();
  dialog.dispatchEvent(new CustomEvent("rowadded", { bubbles: true }));
  (dialog.querySelector(".filter-form input:not([type=hidden]), .filter-form select") || dialog).focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-filter-panel]");
  if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openPanel(link);
  }
  if (event.target.closest("[data-close-panel]")) event.target.closest("dialog").close();
  const mover = event.target.closest("[data-move-row]");
  if (mover) move(mover);
});

function move(button) {
  const row = button.closest("[data-child-row]");
  const up = button.dataset.moveRow === "up";
  let other = row;
  do other = up ? other.previousElementSibling : other.nextElementSibling;
  while (other && other.hidden);
  if (!other) return;
  if (up) other.before(row);
  else other.after(row);
  button.focus();
  row.dispatchEvent(new Event("input", { bubbles: true }));
}

// Empty controls stay out of the address, so that a list can be shared by its address.
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-filter-form]")) {
    for (const field of event.target.elements) if (field.name && field.value === "" && !field.disabled) field.disabled = true;
  }
});
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("[data-filter-form] :disabled:not([data-condition-flag], [data-condition-value])")) field.disabled = false;
});

// "All matching" only makes sense while the whole page is ticked.
document.addEventListener("change", (event) => {
  const scope = event.target.closest("[data-selection]");
  const matching = scope?.querySelector("[data-select-matching]");
  if (!matching) return;
  if (event.target === matching && matching.checked) {
    const all = scope.querySelector("[data-select-all]");
    if (!all.checked) all.click();
    scope.querySelector("[data-selection-count]").textContent = scope.dataset.total;
  } else if (event.target.matches("[data-select-row]") && !event.target.checked) matching.checked = false;
  else if (event.target.matches("[data-select-all]")) matching.checked = matching.checked && event.target.checked;
});
