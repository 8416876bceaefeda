// Says in words how Curfew sees this page.
const line = document.querySelector("[data-status]");
const words = {
  starting: "Curfew is starting.",
  armed: line.dataset.armed ?? (window === parent
    ? "Watched and protected."
    : "Watched and protected: activity here counts, and the page around it warns and covers for this frame."),
  ended: "The session has ended.",
  failed: "Curfew could not start.",
};
const none = "Neither watched nor protected: this page does not include the script, so nothing that is done here counts.";
let shown = "";
setInterval(() => {
  const state = globalThis.curfew?.state ?? "none";
  if (state === shown) return;
  shown = state;
  line.dataset.status = state;
  line.textContent = words[state] ?? none;
}, 200);
