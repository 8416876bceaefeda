addEventListener("load", async () => {
	await clock.tick(document.title.length);
});
