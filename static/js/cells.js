// Editing a cell in the list: double click, or F2 (Enter on a cell); Escape leaves it as it was.
const table = document.querySelector("table[data-records]");
let open = null;

const columns = () => [...table.querySelectorAll("thead th[data-column]")];
const columnOf = (cell) => columns()[[...cell.parentElement.children].indexOf(cell) - 1];
const idOf = (row) => row.querySelector("input[name=ids]").value;

function close() {
  if (!open) return;
  const { cell, content } = open;
  open = null;
  cell.classList.remove("is-editing");
  cell.replaceChildren(...content);
  cell.focus();
}

function put(html) {
  const { cell } = open;
  cell.innerHTML = html;
  cell.dispatchEvent(new CustomEvent("rowadded", { bubbles: true }));
  const field = cell.querySelector("[data-cell-form] :is(input:not([type=hidden]), select, textarea), [data-cell-cancel]");
  (field?.tomselect || field)?.focus();
  if (field?.select && field.matches("input:not([type=checkbox])")) field.select();
}

function tell(text) {
  const note = document.createElement("p");
  note.className = "field-error";
  note.setAttribute("role", "alert");
  note.textContent = text;
  open.cell.querySelector("[data-cell-form]")?.append(note);
}

async function edit(cell) {
  const head = columnOf(cell);
  if (!head?.hasAttribute("data-editable") || cell.classList.contains("is-editing")) return;
  close();
  const address = `${table.dataset.base}${idOf(cell.parentElement)}/cell/${head.dataset.column}`;
  open = { cell, content: [...cell.childNodes] };
  cell.classList.add("is-editing");
  cell.tabIndex = -1;
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    const text = await answer.text();
    if (!text.includes("data-cell-form")) throw new Error(answer.statusText);
    if (open?.cell === cell) put(text);
  } catch {
    location.assign(`${table.dataset.base}${idOf(cell.parentElement)}/edit`); // the whole form instead
  }
}

function typed(form) {
  const body = new URLSearchParams();
  for (const field of form.querySelectorAll("input[name], select[name], textarea[name]")) {
    if (field.type !== "checkbox" || field.checked) body.append(field.name, field.value);
  }
  return body;
}

async function save(form) {
  const body = typed(form);
  body.set("cols", columns().map((head) => head.dataset.column).join(","));
  let answer;
  try {
    answer = await fetch(form.dataset.cellForm, { method: "POST", body, headers: { "HX-Request": "true" } });
  } catch {
    tell("The server did not answer. What you typed is still here; try again.");
    return;
  }
  const text = await answer.text();
  if (answer.ok) {
    const { cell } = open;
    const place = [...cell.parentElement.children].indexOf(cell);
    const holder = document.createElement("template");
    holder.innerHTML = text.trim();
    const row = holder.content.firstElementChild;
    open = null;
    cell.parentElement.replaceWith(row);
    row.children[place].tabIndex = -1;
    row.children[place].focus();
    row.dispatchEvent(new CustomEvent("rowsaved", { bubbles: true }));
  } else if (text.includes("data-cell-form")) put(text);
  else tell("This could not be saved. Reload the list and try again.");
}

if (table) {
  table.addEventListener("dblclick", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell && !event.target.closest("[data-cell-form]")) edit(cell);
  });
  table.addEventListener("celledit", (event) => edit(event.target));
  table.addEventListener("click", (event) => {
    if (event.target.closest("[data-cell-cancel]")) close();
    const button = event.target.closest("[data-cell-save]");
    if (button) save(button.closest("[data-cell-form]"));
  });
  table.addEventListener("keydown", (event) => {
    const form = event.target.closest("[data-cell-form]");
    if (!form) return;
    if (event.key === "Escape") close();
    // The table stands inside the form of the selection: its own Enter would send that one.
    else if (event.key === "Enter" && !event.target.matches("textarea, button") && !event.defaultPrevented) {
      event.preventDefault();
      save(form);
    }
    event.stopPropagation();
  });
}
