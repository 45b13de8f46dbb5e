// The builder of nested conditions: its controls get their names in the address when the form is sent.
const FLAGS = ["empty", "filled"];
const blank = (root, selector) => root.querySelector(selector).content.firstElementChild.cloneNode(true);

function insert(group, element) {
  group.querySelector("[data-group-items]").append(element);
  element.dispatchEvent(new CustomEvent("rowadded", { bubbles: true }));
  (element.querySelector("[data-condition-operator], [data-group-mode]") || element).focus();
}

function showValue(condition) {
  const flag = FLAGS.includes(condition.querySelector("[data-condition-operator]").value);
  const value = condition.querySelector("[data-condition-value]");
  if (!value) return;
  value.disabled = flag;
  if (value.tomselect) value.tomselect[flag ? "disable" : "enable"]();
  (value.tomselect?.wrapper || value).hidden = flag;
}

function name(condition, group) {
  const operator = condition.querySelector("[data-condition-operator]").value;
  const flag = FLAGS.includes(operator);
  const argument = `${group}.${condition.dataset.condition}${operator === "eq" ? "" : `__${operator}`}`;
  const value = condition.querySelector("[data-condition-value]");
  const marker = condition.querySelector("[data-condition-flag]");
  marker.name = argument;
  marker.disabled = !flag;
  if (value) {
    value.name = argument;
    value.disabled = flag || value.value === "";
  }
}

function number(group, path) {
  const own = `g${path.join(".")}`;
  const items = [...group.querySelector("[data-group-items]").children];
  const mode = group.querySelector("[data-group-mode]");
  mode.name = own;
  mode.disabled = !items.length;
  for (const condition of items.filter((item) => item.matches("[data-condition]"))) name(condition, own);
  items.filter((item) => item.matches("[data-filter-group]")).forEach((inner, index) => number(inner, [...path, index + 1]));
}

document.addEventListener("change", (event) => {
  const adder = event.target.closest("[data-add-condition]");
  if (adder && adder.value) {
    const root = adder.closest("[data-filter-groups]");
    insert(adder.closest("[data-filter-group]"), blank(root, `template[data-condition-blank="${adder.value}"]`));
    adder.value = "";
  }
  if (event.target.matches("[data-condition-operator]")) showValue(event.target.closest("[data-condition]"));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-group], [data-remove-condition], [data-remove-group]");
  if (!button) return;
  const group = button.closest("[data-filter-group]");
  if (button.matches("[data-add-group]")) insert(group, blank(button.closest("[data-filter-groups]"), "template[data-group-blank]"));
  else if (button.matches("[data-remove-condition]")) button.closest("[data-condition]").remove();
  else group.remove();
});

document.addEventListener("submit", (event) => {
  const root = event.target.querySelector("[data-filter-groups] > [data-filter-group]");
  if (root) number(root, []);
});
for (const condition of document.querySelectorAll("[data-condition]")) showValue(condition);
document.addEventListener("rowadded", (event) => {
  for (const condition of event.target.querySelectorAll("[data-condition]")) showValue(condition);
});
