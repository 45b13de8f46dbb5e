// Files dropped on [data-file-drop] are put into its file input and sent; without this the plain form works.
const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

for (const form of document.querySelectorAll("[data-file-drop]")) {
  const input = form.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      form.classList.add("is-over");
    });
  }
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("is-over");
  });
  form.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    form.classList.remove("is-over");
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}
