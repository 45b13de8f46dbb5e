// Forms with data-unsaved-guard warn before the page is left with changes that were not saved.
const dirty = new Set();

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-unsaved-guard]");
  if (form) dirty.add(form);
});
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-unsaved-guard]")) dirty.add(form);
});
document.addEventListener("submit", (event) => dirty.delete(event.target));
addEventListener("beforeunload", (event) => {
  if (dirty.size) event.preventDefault();
});
