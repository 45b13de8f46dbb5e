// Inline child rows: add from a <template> with __index__, remove new ones, flag stored ones for deletion.
function add(box, focused = true) {
  const index = Number(box.dataset.nextIndex || 0);
  const holder = document.createElement("template");
  holder.innerHTML = box.querySelector("template").innerHTML.replaceAll("__index__", String(index));
  const row = holder.content.firstElementChild;
  box.dataset.nextIndex = String(index + 1);
  (box.querySelector("[data-rows]") || box).append(row);
  row.dispatchEvent(new CustomEvent("rowadded", { bubbles: true }));
  if (focused) (row.querySelector(".ts-control input") || row.querySelector("input:not([type=hidden]), select, textarea"))?.focus();
}

function remove(row) {
  const flag = row.querySelector("[data-delete-flag]");
  const box = row.closest("[data-child-rows]");
  if (flag) {
    if (flag.type === "checkbox") flag.checked = true;
    else flag.value = "1";
    row.hidden = true;
  } else {
    row.remove();
  }
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.querySelector("[data-add-row]")?.focus();
}

document.addEventListener("click", (event) => {
  const adding = event.target.closest("[data-add-row]");
  const removing = event.target.closest("[data-remove-row]");
  if (adding) add(adding.closest("[data-child-rows]"));
  if (removing) remove(removing.closest("[data-child-row]"));
});

for (const box of document.querySelectorAll("[data-child-rows]")) box.addEventListener("addrow", () => add(box, false));
