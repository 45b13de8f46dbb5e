// The menu remembers which groups are folded and where it was scrolled to; messages can be closed.
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
const menu = document.querySelector(".sidebar-nav");
if (menu) {
  try {
    menu.scrollTop = Number(sessionStorage.getItem("menu-scroll") || 0);
    addEventListener("pagehide", () => sessionStorage.setItem("menu-scroll", String(menu.scrollTop)));
  } catch {
    // Without storage the menu starts at its top.
  }
  const active = menu.querySelector(".is-active");
  const box = active?.getBoundingClientRect();
  if (box && (box.top < 60 || box.bottom > innerHeight - 40)) {
    // Not scrollIntoView: it would move the page behind the menu as well.
    menu.scrollTop += box.top - menu.getBoundingClientRect().top - menu.clientHeight / 2;
  }
}
document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss-notice]")?.closest("[data-notice]")?.remove();
});
