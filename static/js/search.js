// The palette: Ctrl-K or its button opens it; arrows choose, Enter opens, Esc closes and gives the focus back.
const dialog = document.getElementById("palette");
const PAUSE = 120; // ms without a key before the server is asked
const MOST_RECENT = 6;

function stored(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Without storage nothing is remembered.
  }
}

function remember(key) {
  const path = location.pathname;
  if (!/^\/t\/[^/]+\/records\/[a-z_]+\/\d+\/?$/.test(path)) return;
  const title = document.querySelector("main h1")?.textContent.trim();
  const kind = document.querySelector("main .crumbs a:last-of-type")?.textContent.trim() || "";
  if (!title) return;
  const others = stored(key, []).filter((item) => item.path !== path);
  keep(key, [{ path, title: title.slice(0, 120), kind }, ...others].slice(0, MOST_RECENT));
}

function start() {
  const input = dialog.querySelector("input");
  const form = dialog.querySelector("form");
  const list = dialog.querySelector("[role=listbox]");
  const status = dialog.querySelector("[role=status]");
  const recentKey = `recent-${dialog.dataset.recent}`;
  let before = null;
  let timer = 0;
  let asked = null;
  let asking = null; // the text whose answer is on its way
  let chosen = -1;
  let shown = null; // the text the list answers
  let hurried = false; // Enter came before the list of what was typed

  const options = () => [...list.querySelectorAll("[role=option]")];

  function choose(index) {
    const all = options();
    chosen = all.length ? (index + all.length) % all.length : -1;
    all.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
    if (chosen < 0) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }

  function recent() {
    const items = stored(recentKey, []).filter((item) => item.path !== location.pathname);
    if (!items.length) return;
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Looked at lately");
    const heading = Object.assign(document.createElement("div"), {
      className: "palette-heading", textContent: "Looked at lately",
    });
    heading.setAttribute("aria-hidden", "true");
    group.append(heading);
    for (const item of items) {
      const row = Object.assign(document.createElement("a"), { className: "palette-row", href: item.path, tabIndex: -1 });
      row.setAttribute("role", "option");
      row.append(
        Object.assign(document.createElement("span"), { className: "palette-text", textContent: item.title }),
        Object.assign(document.createElement("span"), { className: "palette-hint", textContent: item.kind }),
      );
      group.append(row);
    }
    list.prepend(group);
  }

  function show(html, text) {
    list.innerHTML = html; // our own server's, every value escaped
    if (!text) recent();
    const all = options();
    all.forEach((option, index) => { option.id = `palette-${index}`; });
    input.setAttribute("aria-expanded", String(all.length > 0));
    status.textContent = all.length ? "" : "Nothing found";
    status.classList.toggle("visually-hidden", all.length > 0);
    if (text && all.length) status.textContent = `${all.length} ${all.length === 1 ? "result" : "results"}`;
    choose(0);
    shown = text;
    asking = null;
    if (hurried) enter();
  }

  // The list still on the screen may answer an older text: Enter never opens a row of that, it waits for its own.
  function enter() {
    hurried = input.value.trim() !== shown;
    if (!hurried && chosen >= 0) options()[chosen].click();
    else if (!hurried) form.requestSubmit();
    else ask();
  }

  async function ask() {
    clearTimeout(timer);
    const text = input.value.trim();
    if (text === asking) return;
    asked?.abort();
    asked = new AbortController();
    asking = text;
    try {
      const answer = await fetch(`${dialog.dataset.url}?q=${encodeURIComponent(text)}`, {
        signal: asked.signal, headers: { "HX-Request": "true" },
      });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      show(await answer.text(), text);
    } catch (error) {
      if (error.name === "AbortError") return;
      hurried = false;
      show("", text);
      status.classList.remove("visually-hidden");
      status.textContent = "The search does not answer. Reload the page, or try again in a moment.";
    }
  }

  function open() {
    if (dialog.open) {
      input.select();
      return;
    }
    before = document.activeElement;
    dialog.showModal();
    input.focus();
    input.select();
    ask();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-search]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      open();
    }
    if (event.target === dialog) dialog.close();
  });
  input.addEventListener("input", () => {
    hurried = false;
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter" && !event.ctrlKey) enter();
    else return;
    event.preventDefault();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey && form.getAttribute("action")) form.submit();
  });
  list.addEventListener("mousemove", (event) => {
    const row = event.target.closest("[role=option]");
    const index = options().indexOf(row);
    if (row && index !== chosen) choose(index);
  });
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    hurried = false;
    before?.focus?.();
  });
  form.addEventListener("submit", (event) => {
    if (!form.getAttribute("action")) event.preventDefault();
  });
  document.querySelector("form[action$='/logout']")?.addEventListener("submit", () => {
    try {
      localStorage.removeItem(recentKey);
    } catch {
      // Nothing was kept.
    }
  });
  remember(recentKey);
}

if (dialog) start();
