// Pasting a table from a spreadsheet into child rows: fills cells to the right and down, adds rows, looks names up.
const MAX_ROWS = 1000;
const CHUNK = 40;

// Text of a clipboard as rows of cells: tabs between cells, or one delimiter that every line has alike; "" within quotes.
export function parseTable(text, tab = text.includes("\t") ? "\t" : delimiter(text)) {
  const rows = [[]];
  let cell = "";
  let quoted = false;
  const end = () => { rows.at(-1).push(cell); cell = ""; };
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[i + 1] === '"') { cell += '"'; i += 1; }
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === tab) end();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[i + 1] === "\n") i += 1;
      end();
      rows.push([]);
    } else cell += sign;
  }
  end();
  if (rows.length > 1 && rows.at(-1).length === 1 && rows.at(-1)[0] === "") rows.pop();
  return rows;
}

function delimiter(text) {
  const lines = text.split(/\r?\n/).filter(Boolean);
  if (lines.length < 2) return "\t";
  for (const sign of [";", ","]) {
    const counts = lines.map((line) => line.replaceAll(/"[^"]*"/g, "").split(sign).length);
    if (counts[0] > 1 && counts.every((count) => count === counts[0])) return sign;
  }
  return "\t";
}

// Numbers as people type them. What one cell leaves open (1.234) the others of its column may tell.
export function readNumbers(texts) {
  const bare = texts.map((text) => text.replaceAll(/[\s\u00a0\u202f'’]|\p{Sc}|%|[A-Z]{3}/gu, ""));
  const comma = bare.some((text) => /\.\d{3},\d+|^[^.]*,(\d{1,2}|\d{4,})\)?$/.test(text));
  return bare.map((text, place) => {
    const negative = /^\(.*\)$/.test(text) || /^[-−–]/.test(text) || /-$/.test(text);
    let digits = text.replaceAll(/[()+−–-]/g, "");
    digits = comma ? digits.replaceAll(".", "").replace(",", ".") : digits.replaceAll(/,(?=\d{3}(\D|$))/g, "");
    if (!/^(\d+\.?\d*|\.\d+)$/.test(digits)) return texts[place] === "" ? "" : null;
    return (negative ? "-" : "") + digits;
  });
}

// Days as people type them: 2026-03-31, 31.3.2026, 31/3/2026 or 3/31/2026 when a day above 12 in the column tells which.
export function readDays(texts) {
  const parts = texts.map((text) => text.trim().match(/^(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})(?:[ T]00:00(?::00)?)?$/));
  const slashed = parts.filter((part, i) => part && texts[i].includes("/"));
  const monthFirst = slashed.some((part) => Number(part[2]) > 12);
  const dayFirst = slashed.some((part) => part[1].length < 3 && Number(part[1]) > 12);
  return parts.map((part, i) => {
    if (!part) return texts[i].trim() === "" ? "" : null;
    const [one, two, three] = part.slice(1).map(Number);
    const isIso = part[1].length > 2;
    if (!isIso && texts[i].includes("/") && monthFirst === dayFirst) return null;
    let year = isIso ? one : three;
    const month = isIso || !(texts[i].includes("/") && monthFirst) ? two : one;
    const day = isIso ? three : month === two && !(texts[i].includes("/") && monthFirst) ? one : two;
    if (year < 100) year += 2000;
    const made = new Date(Date.UTC(year, month - 1, day));
    if (made.getUTCMonth() !== month - 1 || made.getUTCDate() !== day) return null;
    return made.toISOString().slice(0, 10);
  });
}

const cells = (row) => [...row.querySelectorAll(":scope > td:not(.actions)")];
const control = (cell) => cell.querySelector("select, textarea, input:not([type=hidden]):not(.ts-control input):not([role=combobox])");

function mark(cell, field, text, words) {
  clear(cell, field);
  const note = document.createElement("div");
  note.className = "field-error";
  note.dataset.pasteNote = "";
  note.textContent = `“${text}” ${words}`;
  cell.append(note);
  field.classList.add("is-invalid");
  field.tomselect?.wrapper.classList.add("is-invalid");
}

function clear(cell, field) {
  cell.querySelector("[data-paste-note]")?.remove();
  field.classList.remove("is-invalid");
  field.tomselect?.wrapper.classList.remove("is-invalid");
}

function put(field, value, text = value) {
  if (field.tomselect) {
    if (value) field.tomselect.addOption({ id: value, value, text });
    field.tomselect.setValue(value, true);
  } else if (field.type === "checkbox") field.checked = value === "y";
  else field.value = value;
}

// What cannot be read stays as it was pasted: the server refuses it by name, and nobody saves something else unseen.
function keep(cell, field, text, words) {
  if (field.tagName === "SELECT" && !field.tomselect) field.add(new Option(text, text));
  else if (field.tagName === "INPUT" && field.type !== "checkbox") field.type = "text";
  put(field, text);
  mark(cell, field, text, words);
}

function fillChoice(cell, field, text) {
  const wanted = text.trim().toLowerCase();
  const match = [...field.options].find((one) => one.value.toLowerCase() === wanted || one.text.toLowerCase() === wanted);
  if (match || !wanted) put(field, match ? match.value : "");
  else keep(cell, field, text, "is not one of the choices.");
}

function fillBox(cell, field, text) {
  const word = text.trim().toLowerCase();
  if (["", "0", "no", "n", "false", "nein", "non", "-"].includes(word)) put(field, "");
  else if (["1", "yes", "y", "x", "true", "✓", "ja", "oui", "si", "sí"].includes(word)) put(field, "y");
  else mark(cell, field, text, "is neither yes nor no.");
}

async function lookUp(url, texts, org) {
  const found = {};
  const wanted = [...new Set(texts.map((text) => text.trim()).filter(Boolean))];
  for (let start = 0; start < wanted.length; start += CHUNK) {
    const address = new URL(url, location.href);
    for (const text of wanted.slice(start, start + CHUNK)) address.searchParams.append("exact", text);
    if (org) address.searchParams.set("org_id", org);
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (answer.ok) Object.assign(found, (await answer.json()).found);
    } catch {
      // marked as not found below; the text stays
    }
  }
  return found;
}

async function fillPickers(column, texts) {
  const form = column[0].field.form;
  const org = form.elements.org_id?.value || form.dataset.org || "";
  for (const { cell, field } of column) mark(cell, field, "…", "is looked up.");
  const found = await lookUp(column[0].field.dataset.pickerUrl, texts, org);
  column.forEach(({ cell, field }, i) => {
    const text = texts[i].trim();
    clear(cell, field);
    if (!text) put(field, "");
    else if (found[text]) put(field, found[text].id, found[text].text);
    else keep(cell, field, text, "was not found: choose one of the list.");
  });
}

function fillColumn(column, texts) {
  const { field } = column[0];
  if (field.dataset.pickerUrl) return fillPickers(column, texts);
  let read = texts;
  let words = "";
  if (field.type === "date" || column.some(({ field: one }) => one.type === "date")) {
    read = readDays(texts);
    words = "is not a date.";
  } else if (field.type === "number" || field.inputMode === "decimal") {
    read = readNumbers(texts);
    words = "is not a number.";
  }
  column.forEach(({ cell, field: one }, i) => {
    clear(cell, one);
    if (one.tagName === "SELECT") fillChoice(cell, one, texts[i]);
    else if (one.type === "checkbox") fillBox(cell, one, texts[i]);
    else if (read[i] === null) keep(cell, one, texts[i], words);
    else put(one, read[i]);
  });
  return undefined;
}

export async function fill(box, row, first, table) {
  const shown = () => [...box.querySelectorAll("[data-child-row]")].filter((one) => !one.hidden);
  const start = shown().indexOf(row);
  while (shown().length < start + table.length) box.dispatchEvent(new CustomEvent("addrow"));
  const rows = shown().slice(start, start + table.length);
  const width = Math.min(Math.max(...table.map((line) => line.length)), cells(row).length - first);
  const work = [];
  for (let place = 0; place < width; place += 1) {
    const lines = rows.map((one, i) => ({ cell: cells(one)[first + place], text: table[i][place] })).filter((one) => one.text !== undefined);
    const column = lines.map(({ cell }) => ({ cell, field: control(cell) }));
    if (column.length && column[0].field) work.push(fillColumn(column, lines.map((one) => one.text)));
  }
  box.dispatchEvent(new Event("input", { bubbles: true }));
  await Promise.all(work);
  return { rows: rows.length, lost: Math.max(...table.map((line) => line.length)) - width };
}

function say(box, text) {
  const place = box.querySelector("[data-paste-said]");
  if (place) place.textContent = text;
}

function isTable(event, text) {
  if (text.includes("\t")) return true;
  const lines = text.trim().split(/\r?\n/).length;
  if (lines < 2) return false;
  const isArea = event.target.tagName === "TEXTAREA";
  return !isArea || /<table/i.test(event.clipboardData.getData("text/html")) || delimiter(text) !== "\t";
}

document.addEventListener("paste", async (event) => {
  const row = event.target.closest?.("[data-child-row]");
  const cell = event.target.closest?.("td");
  const text = event.clipboardData?.getData("text/plain") || "";
  if (!row || !cell || cell.classList.contains("actions") || !isTable(event, text)) return;
  event.preventDefault();
  event.stopPropagation();
  const box = row.closest("[data-child-rows]");
  const table = parseTable(text);
  const kept = table.slice(0, MAX_ROWS);
  const { rows, lost } = await fill(box, row, cells(row).indexOf(cell), kept);
  const more = [
    lost > 0 ? `${lost} ${lost === 1 ? "column" : "columns"} did not fit.` : "",
    table.length > kept.length ? `${table.length - kept.length} rows are too many and were left out.` : "",
  ];
  const wrong = box.querySelectorAll("[data-paste-note]").length;
  if (wrong) more.push(`${wrong} ${wrong === 1 ? "cell needs" : "cells need"} a look.`);
  say(box, [`Pasted ${rows} ${rows === 1 ? "row" : "rows"}.`, ...more].filter(Boolean).join(" "));
}, true);

document.addEventListener("change", (event) => {
  const cell = event.target.closest?.("[data-child-row] td");
  if (cell?.querySelector("[data-paste-note]")) clear(cell, event.target);
});
