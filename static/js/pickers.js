// Pickers on Tom Select: data-picker for the options at hand, data-picker-url to search the server, data-picker-create-url to make one.
const token = () => document.querySelector("meta[name=csrf-token]")?.content || "";

// Records of one organization go together: the form's own one narrows every other picker.
function organization(select) {
  if (!select.form?.matches(".record-form") || select.name === "org_id") return "";
  return select.form.elements.org_id?.value || select.form.dataset.org || "";
}

function option(item, escape) {
  const hint = item.hint ? `<span class="picker-hint">${escape(item.hint)}</span>` : "";
  return `<div class="option"><span>${escape(item.text)}</span>${hint}</div>`;
}

// What the server found for the words now typed, and nothing else: neither an earlier list nor a late answer can be chosen by Enter.
function search(url, select) {
  return async function load(query, done) {
    const address = new URL(url, location.href);
    address.searchParams.set("q", query);
    const org = organization(select);
    if (org) address.searchParams.set("org_id", org);
    let results;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (answer.ok) ({ results } = await answer.json());
    } catch {
      results = undefined;
    }
    delete this.loadedSearches[query];
    if (query !== this.lastValue) return done();
    this.clearOptions();
    if (results) {
      this.answered = query;
      this.found = new Set(results.map((item) => String(item.id)));
    }
    return done(results);
  };
}

const remote = {
  preload: "focus",
  refreshThrottle: 0,
  loadThrottle: 200,
  shouldLoad: () => true,
  score(query) {
    return (item) => (this.answered === query && this.found.has(String(item.id)) ? 1 : 0);
  },
  createFilter(text) {
    return this.answered === text;
  },
  onFocus() {
    if (this.answered) this.load("");
  },
};

function create(url, select) {
  return async (text, done) => {
    const body = new URLSearchParams({ text, csrf_token: token() });
    const org = organization(select);
    if (org) body.set("org_id", org);
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
    // Clearing by key is Backspace: the mark for the mouse is no stop for the keyboard, which could not press it.
    plugins: select.multiple ? { remove_button: {} } : select.required ? {} : { clear_button: { title: "Clear", tabindex: -1 } },
    clearAfterSelect: true,
    create: pickerCreateUrl ? create(pickerCreateUrl, select) : false,
    render: {
      option,
      item: (item, escape) => `<div>${escape(item.text)}</div>`,
      option_create: (item, escape) => `<div class="create">Create <strong>${escape(item.input)}</strong></div>`,
      loading: () => '<div class="no-results">Searching…</div>',
      no_results: () => '<div class="no-results">Nothing found</div>',
    },
  };
  if (pickerUrl) {
    Object.assign(settings, remote, { load: search(pickerUrl, select) });
  } else {
    Object.assign(settings, { valueField: "value" });
  }
  // A table that scrolls would cut the list off.
  if (select.closest(".child-scroll")) settings.dropdownParent = "body";
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
