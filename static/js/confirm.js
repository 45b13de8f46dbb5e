// A dangerous button wakes when its word is typed (the server checks again); a form is not sent twice by a double click.
for (const field of document.querySelectorAll("input[data-confirm-word]")) {
  const button = field.form.querySelector("button[type=submit]");
  const check = () => { button.disabled = field.value.trim() !== field.dataset.confirmWord; };
  field.addEventListener("input", check);
  check();
}

const busy = (form, on) => {
  for (const button of form.querySelectorAll("button[type=submit], button:not([type])")) {
    if (on) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  busy(form, true);
  // An answer that downloads a file leaves the page standing: let it be used again.
  setTimeout(() => { delete form.dataset.sent; busy(form, false); }, 4000);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    busy(form, false);
  }
});
