// All that a page's author may write.
const editor = document.querySelector("textarea")!;

editor.addEventListener("input", () => globalThis.curfew?.markUnsaved(true));

document.addEventListener("curfew:ending", (event) => {
  const left: number = event.detail.left;
  if (event.detail.reason === "signed_out" || left > 1000) {
    event.detail.waitUntil(fetch("/draft", { method: "PUT", body: editor.value }));
  }
});
window.addEventListener("curfew:resumed", (event: CurfewEvent) => console.log(event.detail.reason === ""));
for (const type of ["curfew:notice", "curfew:warning", "curfew:extended", "curfew:ended"] as const) {
  addEventListener(type, ({ detail }) => console.log(type, detail.reason, detail.left.toFixed()));
}

const script = document.querySelector<CurfewScriptElement>("script[src$='agent.js']");
const taken: boolean | undefined = script?.stay() && window.curfew?.signOut();
const state: CurfewState | undefined = curfew?.state;
switch (state) {
  case undefined: case "starting": case "armed": case "ended": case "failed": break;
  default: { const never: never = state; console.log(never, taken); }
}

import("/.curfew/api.js").then(async ({ fetch, signedFetch }) => {
  const answer: Response = await fetch("/api/notes", { method: "POST", body: "text" });
  const refusal: { error: string; reason?: CurfewReason } | undefined = answer.status === 401 ? await answer.json() : undefined;
  await signedFetch({ origins: ["https://api.example"] })(new URL("https://api.example/notes"));
  console.log(refusal?.reason === "inactivity", signedFetch());
});
