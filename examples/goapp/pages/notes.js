// The API is called by requests that are signed with the session's key: nobody else can send them, and no other site can make a browser
// send one.
import { fetch } from "/.curfew/api.js";

const note = document.querySelector("#note");
const said = document.querySelector("#said");

async function list() {
  const answer = await fetch("/api/notes");
  if (!answer.ok) return;
  document.querySelector("#notes").replaceChildren(...(await answer.json()).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

document.querySelector("#add").addEventListener("click", async () => {
  const answer = await fetch("/api/notes", { method: "POST", body: note.value });
  // A session that has ended is nothing to explain here: Curfew covers the page.
  said.textContent = answer.ok ? "Added." : answer.status === 401 ? "" : await answer.text();
  if (answer.ok) {
    note.value = "";
    await list();
  }
});

// The stream is closed by the application when the session ends.
const live = new EventSource("/live");
live.addEventListener("message", ({ data }) => { document.querySelector("#count").textContent = data; });

await list();
