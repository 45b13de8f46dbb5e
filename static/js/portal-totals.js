// The supplier's page: line totals and the total follow what is typed. The server reads and checks the amounts.
export function readAmount(text, digits) {
  const bare = text.replaceAll(/[\s'’]/g, "");
  const signs = bare.match(/[.,]/g) ?? [];
  let plain = bare;
  if (new Set(signs).size === 2) {
    const parts = bare.match(/^(\d{1,3}(?:([.,])\d{3})+)[.,](\d*)$/);
    const grouped = parts && parts[1].replaceAll(parts[2], "");
    plain = grouped && /^\d+$/.test(grouped) ? `${grouped}.${parts[3]}` : "";
  } else if (signs.length > 1) {
    plain = /^\d{1,3}([.,]\d{3})+$/.test(bare) ? bare.replaceAll(/[.,]/g, "") : "";
  } else if (signs.length === 1) {
    const open = /^(?!0[.,])\d{1,3}[.,]\d{3}$/.test(bare);
    plain = open && !(signs[0] === "." && digits === 3) ? "" : bare.replace(",", ".");
  }
  return /^(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : null;
}

function digitsOf(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2; // not a code yet: somebody is typing it
  }
}

function show(form) {
  const currency = form.elements.currency.value.trim().toUpperCase();
  const digits = digitsOf(currency);
  const style = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const money = (value) => (value === null ? "–" : `${value.toLocaleString("en", style)}\u00a0${currency}`);
  let goods = 0;
  for (const line of form.querySelectorAll("[data-quantity]")) {
    const price = readAmount(line.querySelector("[name^=unit_price]").value, digits);
    const amount = price === null || line.querySelector("[name^=no_bid]").checked ? null : price * Number(line.dataset.quantity);
    line.querySelector("[data-amount]").textContent = money(amount);
    goods += amount ?? 0;
  }
  form.querySelector("[data-goods]").textContent = money(goods);
  form.querySelector("[data-total]").textContent = money(goods + (readAmount(form.elements.freight.value, digits) ?? 0));
}

for (const form of document.querySelectorAll("[data-portal-totals]")) {
  for (const kind of ["input", "change"]) form.addEventListener(kind, () => show(form));
  show(form); // what a browser kept in the fields when it came back
}
