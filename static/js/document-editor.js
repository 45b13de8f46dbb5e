// JSON fields as rows of name and value; the textarea behind them is what is posted and can be edited as it is.
const exact = (text) => !/\d{16,}|\d[eE]/.test(text);

function read(text) {
  if (!text.trim()) return [];
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) && exact(text) ? Object.entries(value) : null;
  } catch {
    return null;
  }
}

// A text that would read as a number, yes/no or more JSON stands in quotes, so that it stays a text.
function shown(value) {
  return typeof value === "string" && typeof typed(value) === "string" && !value.startsWith('"') ? value : JSON.stringify(value);
}

function typed(text) {
  if (!/^(-?\d+(\.\d+)?|true|false|null|".*"|\[.*\]|\{.*\})$/s.test(text.trim()) || !exact(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function enhance(area) {
  const pairs = read(area.value);
  if (pairs === null || area.classList.contains("is-invalid") || area.closest("[data-child-row]")) return;
  const label = area.form.querySelector(`label[for="${area.id}"]`)?.textContent.trim() || area.name;
  const editor = document.createElement("div");
  editor.className = "document-editor";
  const list = document.createElement("div");
  const tools = document.createElement("div");
  tools.className = "button-row";
  editor.append(list, tools);

  const sync = () => {
    const rows = [...list.children].map((row) => [...row.querySelectorAll("input")]);
    const used = rows.filter(([key, value]) => key.value.trim() || value.value.trim());
    const names = used.map(([key]) => key.value.trim());
    for (const [key] of rows) {
      const twice = key.value.trim() && names.filter((name) => name === key.value.trim()).length > 1;
      key.classList.toggle("is-invalid", Boolean(twice));
      key.title = twice ? "This name is there twice; only the last counts." : "";
    }
    area.value = used.length ? JSON.stringify(Object.fromEntries(used.map(([key, value]) => [key.value.trim(), typed(value.value)])), null, 2) : "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const add = (key = "", value = "") => {
    const row = document.createElement("div");
    row.className = "document-row";
    for (const [text, name] of [[key, "name"], [value, "value"]]) {
      const input = document.createElement("input");
      input.className = "form-control";
      input.value = text;
      input.setAttribute("aria-label", `${label}: ${name} ${list.children.length + 1}`);
      input.placeholder = name === "name" ? "Name" : "Value";
      input.addEventListener("input", sync);
      row.append(input);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "btn btn-sm";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${key || "this row"} from ${label}`);
    remove.addEventListener("click", () => { row.remove(); sync(); });
    row.append(remove);
    list.append(row);
    return row;
  };
  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "btn btn-sm";
    made.textContent = text;
    made.addEventListener("click", act);
    tools.append(made);
  };
  for (const [key, value] of pairs) add(key, shown(value));
  button("Add a value", () => add().querySelector("input").focus());
  button("Edit as JSON", () => { editor.remove(); area.hidden = false; area.focus(); });
  area.hidden = true;
  area.after(editor);
}

for (const area of document.querySelectorAll("form.record-form textarea[data-document]")) enhance(area);
