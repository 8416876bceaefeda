// Each line with a mark must be refused, and with that error.
curfew.signOut(); // TS18048
curfew!.state = "armed"; // TS2540
curfew!.extend(); // TS2339
curfew!.markUnsaved(); // TS2554
curfew!.markUnsaved("yes"); // TS2345
curfew!.state === "over"; // TS2367
document.addEventListener("curfew:ending", (event) => event.detail.waitUntil(fetch)); // TS2345
document.addEventListener("curfew:ending", (event) => event.detail.reasons); // TS2551
window.addEventListener("curfew:warning", (event) => { event.detail.left = 0; }); // TS2540
window.addEventListener("curfew:warning", (event) => { const when: Date = event.detail.left; }); // TS2322
window.addEventListener("curfew:ended", (event) => event.detail.reason === "bored"); // TS2367
import("/.curfew/api.js").then(({ fetch }) => fetch()); // TS2554
import("/.curfew/api.js").then(({ fetch }) => fetch("/a").status); // TS2339
import("/.curfew/api.js").then(({ signedFetch }) => signedFetch({ origins: "https://api.example" })); // TS2322
import("/.curfew/api.js").then(({ token }) => token); // TS2339
