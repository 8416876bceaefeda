// Package simbrowser is the browser around the shipped agent: profiles with tabs, a DOM as far as the agent needs one, WebCrypto,
// IndexedDB, fetch with cookies, a network that fails on order, sleep, throttling and freezing. It runs the exact module that
// browsers load, under wasm/host, in virtual time (mission row D3).
//
// # Time
//
// A [World] has one true clock, which is also the verifier's. Each [Browser] is a machine of its own: its wall clock may be wrong
// and may be set, its monotonic clock stands still while it sleeps. [World.Pass] lets time pass for all of them, and runs
// whatever becomes due, each thing at its own time, in one goroutine. Nothing reads a real clock or a real source of
// randomness: two runs from the same seed send the same requests, byte for byte.
//
// # Between pages
//
// Pages of one origin in one profile have BroadcastChannel, navigator.locks and localStorage in common. What crosses from one
// process to another takes up to five milliseconds, drawn from the seed, and keeps its order. What happens to channels, locks and
// streams when a page is frozen, hangs, crashes, or is in the back/forward cache is what Chromium does: testdata/semantics.txt was
// written down from it, and both are held to it. [World.InBubble] says where EventSource is to be had. Intl and Notification
// are not here.
//
// # What there is
//
// The agent's global object has what the loader's scope gives it (wasm/loader/run.js) and nothing else, and each of those
// objects has the members that the agent uses and nothing else. An agent that begins to use more finds it undefined, which
// shows in its tests.
//
// # The loader
//
// The loader is JavaScript and no JavaScript runs here, so its side of the port is written again in Go: the rules of what counts as
// human activity (activity.go, after activity.js), when the agent is woken and when the page is covered at once (loader.go, after
// port.js), what is on top of the page (stage.go, after stage.js and cover.js) and failure (loader.go, after failure.js). It
// is kept to what decides; what only makes the real one robust against the page (observers, style sheets, frames, downloads)
// is not here, and is tested in real browsers. The scripts in wasm/sim run through both and compare what is seen.
package simbrowser
