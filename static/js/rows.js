// Selecting rows of a list: [data-select-all], [data-select-row], and the [data-selection-bar] that appears with a count.
function refresh(scope) {
  const boxes = [...scope.querySelectorAll("input[data-select-row]")];
  const chosen = boxes.filter((box) => box.checked);
  const all = scope.querySelector("input[data-select-all]");
  if (all) {
    all.checked = boxes.length > 0 && chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && chosen.length < boxes.length;
  }
  for (const box of boxes) box.closest("tr")?.setAttribute("aria-selected", String(box.checked));
  const bar = scope.querySelector("[data-selection-bar]");
  if (!bar) return;
  bar.hidden = chosen.length === 0;
  const count = bar.querySelector("[data-selection-count]");
  if (count) count.textContent = chosen.length.toLocaleString("en");
}

document.addEventListener("change", (event) => {
  const scope = event.target.closest?.("[data-selection]");
  if (!scope) return;
  if (event.target.matches("input[data-select-all]")) {
    for (const box of scope.querySelectorAll("input[data-select-row]")) box.checked = event.target.checked;
  }
  if (event.target.matches("input[data-select-all], input[data-select-row]")) refresh(scope);
});
for (const scope of document.querySelectorAll("[data-selection]")) refresh(scope);
