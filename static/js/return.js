// Back from a record to its list as it was left: the filters, the page, and the row that was opened.
const path = location.pathname;

function onList() {
  sessionStorage.setItem(`list:${path}`, location.search);
  const last = sessionStorage.getItem(`row:${path}`);
  const box = last && document.querySelector(`table[data-records] input[name=ids][value="${CSS.escape(last)}"]`);
  box?.closest("tr").classList.add("is-current");
  document.querySelector("table[data-records]")?.addEventListener("click", (event) => {
    const row = event.target.closest("a[href]")?.closest("tr[data-row]");
    if (row) sessionStorage.setItem(`row:${path}`, row.querySelector("input[name=ids]").value);
  });
}

function onRecord() {
  for (const field of document.querySelectorAll("form input[type=hidden][name=list_search]")) {
    const list = Object.keys(sessionStorage).find((key) => key.startsWith("list:") && path.startsWith(key.slice(5)));
    if (list) field.value = sessionStorage.getItem(list);
  }
  for (const link of document.querySelectorAll("main a[href]")) {
    const to = new URL(link.href, location.href);
    const left = !to.search && path !== to.pathname && path.startsWith(to.pathname) && sessionStorage.getItem(`list:${to.pathname}`);
    if (left) link.href = to.pathname + left;
  }
}

try {
  if (document.querySelector(".records-toolbar")) onList();
  else if (path.includes("/records/")) onRecord();
} catch {
  // Without storage the way back leads to the list as it opens.
}
