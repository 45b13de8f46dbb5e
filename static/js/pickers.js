// Pickers on Tom Select: data-picker for the options at hand, data-picker-url to search the server, data-picker-create-url to make one.
const token = () => document.querySelector("meta[name=csrf-token]")?.content || "";

function option(item, escape) {
  const hint = item.hint ? `<span class="picker-hint">${escape(item.hint)}</span>` : "";
  return `<div class="option"><span>${escape(item.text)}</span>${hint}</div>`;
}

function search(url) {
  return async (query, done) => {
    const address = new URL(url, location.href);
    address.searchParams.set("q", query);
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      done(answer.ok ? (await answer.json()).results : []);
    } catch {
      done();
    }
  };
}

function create(url, select) {
  return async (text, done) => {
    const body = new URLSearchParams({ text, csrf_token: token() });
    const headers = { Accept: "application/json", "X-CSRFToken": token() };
    try {
      const answer = await fetch(url, { method: "POST", body, headers });
      const made = await answer.json();
      if (answer.ok) return done(made);
      tell(select, made.error);
    } catch {
      tell(select, "");
    }
    return done(false);
  };
}

function tell(select, message) {
  const note = document.createElement("div");
  note.className = "field-error";
  note.setAttribute("role", "alert");
  note.textContent = message || "It could not be created. Try again.";
  select.closest(".field, td, div")?.append(note);
  setTimeout(() => note.remove(), 8000);
}

function enhance(select) {
  if (select.tomselect) return;
  const { pickerUrl, pickerCreateUrl } = select.dataset;
  // One look for all: a picker shows the arrow of a select.
  select.classList.remove("form-control");
  select.classList.add("form-select");
  const settings = {
    valueField: "id",
    labelField: "text",
    searchField: pickerUrl ? [] : ["text"],
    maxOptions: 200,
    plugins: select.multiple ? ["remove_button"] : select.required ? [] : ["clear_button"],
    create: pickerCreateUrl ? create(pickerCreateUrl, select) : false,
    render: {
      option,
      item: (item, escape) => `<div>${escape(item.text)}</div>`,
      option_create: (item, escape) => `<div class="create">Create <strong>${escape(item.input)}</strong></div>`,
      no_results: () => '<div class="no-results">Nothing found</div>',
    },
  };
  if (pickerUrl) {
    Object.assign(settings, { load: search(pickerUrl), preload: "focus", loadThrottle: 200, shouldLoad: () => true });
  } else {
    Object.assign(settings, { valueField: "value" });
  }
  new TomSelect(select, settings);
  // The label now names the visible control; the select behind it is only for the form.
  select.setAttribute("aria-hidden", "true");
}

function enhanceAll(root) {
  for (const select of root.querySelectorAll("select[data-picker-url], select[data-picker]")) enhance(select);
}

enhanceAll(document);
document.addEventListener("rowadded", (event) => enhanceAll(event.target));
document.addEventListener("htmx:load", (event) => enhanceAll(event.detail.elt));
