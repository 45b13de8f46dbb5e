// The menu remembers which groups are folded; messages can be closed.
for (const group of document.querySelectorAll("details[data-remember]")) {
  const key = `folded-${group.dataset.remember}`;
  const active = group.querySelector(".is-active") !== null;
  try {
    if (localStorage.getItem(key) && !active) group.open = false;
    group.addEventListener("toggle", () => {
      if (group.open) localStorage.removeItem(key);
      else localStorage.setItem(key, "1");
    });
  } catch {
    // Without storage every group starts open.
  }
}
document.querySelector(".sidebar .is-active")?.scrollIntoView({ block: "nearest" });
document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss-notice]")?.closest("[data-notice]")?.remove();
});
