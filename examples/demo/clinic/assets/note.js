// The note that is being written takes part in the session: the warning says that there is unsaved work, signing in again keeps the
// page, and a draft is saved in the last seconds. Without Curfew's script nothing here does anything.
const note = document.getElementById("note");
const unsaved = () => note.value !== note.defaultValue;

note.addEventListener("input", () => globalThis.curfew?.markUnsaved(unsaved()));
note.form.addEventListener("submit", () => globalThis.curfew?.markUnsaved(false));
document.addEventListener("curfew:ending", (event) => {
  if (!unsaved()) return;
  const address = note.form.action.replace(/notes$/, "draft");
  event.detail.waitUntil(fetch(address, { method: "POST", body: new URLSearchParams({ note: note.value }), keepalive: true }));
});
