// The application's own script: it was there before Curfew and knows nothing of it.
const say = (id, text) => { document.getElementById(id).textContent = text; };

document.getElementById("count").addEventListener("click", async () => {
  const answer = await fetch("/api/orders");
  if (!answer.ok) return say("counted", "That did not work: " + answer.status);
  say("counted", (await answer.json()).length + " orders");
});

document.getElementById("talk").addEventListener("click", () => {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
  let count = 0;
  const timer = setInterval(() => { if (socket.readyState === WebSocket.OPEN) socket.send("hello"); }, 200);
  socket.addEventListener("message", () => say("talked", ++count + " answers"));
  socket.addEventListener("close", () => { clearInterval(timer); say("talked", "closed after " + count + " answers"); });
});

document.getElementById("import").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/import", { method: "POST", body: event.target.file.files[0] });
  say("imported", answer.ok ? (await answer.json()).received + " bytes received" : "That did not work: " + answer.status);
});
