// The theme choice: light, dark or what the system says; kept in this browser and told to the server by a cookie.
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    return localStorage.getItem("theme") || "auto";
  } catch {
    return "auto";
  }
}

function apply() {
  const choice = chosen();
  const theme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
  const changed = document.documentElement.dataset.bsTheme !== theme;
  document.documentElement.dataset.bsTheme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
  if (changed) document.dispatchEvent(new CustomEvent("themechange"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (!button) return;
  const choice = button.dataset.themeChoice;
  try {
    localStorage.setItem("theme", choice);
  } catch {
    // The cookie below still keeps light or dark.
  }
  document.cookie = `theme=${choice}; path=/; max-age=31536000; samesite=lax`;
  apply();
});
system.addEventListener("change", apply);
apply();
