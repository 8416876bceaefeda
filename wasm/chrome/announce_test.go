package chrome_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/chrome"
)

const announcing = `<!doctype html><html lang="en"><title>announcing</title><p id="plain">text</p><p role="alert">there from the start</p>
<p id="log" aria-live="polite">one</p><p id="silent" aria-live="off"></p><x-host></x-host><script>
const shadow = document.querySelector("x-host").attachShadow({mode: "open"});
shadow.innerHTML = '<dialog role="alertdialog" aria-labelledby="name" aria-describedby="why"><h1 id="name">Still there?</h1><p id="why">You will be signed out.</p>' +
	'<p id="status" role="status"><span></span><b></b></p><button>Stay</button></dialog>';
const [dialog, span, bold] = ["dialog", "span", "b"].map((name) => shadow.querySelector(name));
function alertOf(text) {
	const alert = document.createElement("p");
	alert.role = "alert";
	alert.append(text);
	document.body.append(alert);
	return alert;
}
</script>`

// What a screen reader would speak, and nothing else: each step says what it adds.
func TestHearAnnouncements(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(announcing))
	}))
	defer server.Close()
	tab := chrome.Tab(t, chrome.New(t))
	chrome.Go(t, tab, server.URL)
	announcements := chrome.HearAnnouncements(t, tab)
	var want []string
	for _, step := range []struct {
		does string
		adds []string
	}{
		{`0`, nil},
		{`plain.textContent = "other text"`, nil},
		{`silent.textContent = "nobody hears"`, nil},
		{`log.append(" two")`, []string{"two"}},
		{`log.firstChild.data = "one, changed"`, []string{"one, changed"}},
		{`log.firstChild.remove()`, nil},
		{`span.textContent = "in a closed dialog"`, nil},
		{`dialog.showModal()`, []string{"alertdialog: Still there?: You will be signed out."}},
		{`span.textContent = "2 minutes", bold.textContent = "left"`, []string{"2 minutes left"}},
		{`span.textContent = "1 minute"`, []string{"1 minute left"}},
		{`span.textContent = "1 minute"`, []string{"1 minute left"}}, // rewritten: it is spoken again
		{`span.firstChild.data = "1 minute"`, nil},
		{`bold.textContent = ""`, nil}, // removed
		{`document.querySelector("[role=alert]").textContent = "behind a modal dialog"`, nil},
		{`dialog.close()`, nil},
		{`dialog.showModal()`, []string{"alertdialog: Still there?: You will be signed out."}},
		{`dialog.close()`, nil},
		{`alertOf("Signed out.").id = "alert"`, []string{"Signed out."}},
		{`document.getElementById("alert").style.display = "none"`, nil},
		{`document.getElementById("alert").style.display = ""`, []string{"Signed out."}},
		{``, []string{"there from the start"}},
		{`log.append(" three")`, []string{"three"}},
	} {
		if step.does == "" { // another page
			chrome.Go(t, tab, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)) // in another process, whose nodes are numbered anew
		} else {
			chrome.Eval[any](t, tab, `void (`+step.does+`)`)
		}
		want = append(want, step.adds...)
		if got := announcements.All(); !slices.Equal(got, want) {
			t.Fatalf("after %s:\n got %q\nwant %q", step.does, got, want)
		}
	}
}

// In virtual time too, where the page's timers are far ahead of the clock on the wall.
func TestHearAnnouncementsInVirtualTime(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>counting</title><p role="status"></p><script>
			let left = 5;
			setInterval(() => document.querySelector("p").textContent = --left + " minutes", 60000);
		</script>`))
	}))
	defer server.Close()
	tab := chrome.Tab(t, chrome.New(t))
	chrome.WithoutStreams(t, tab)
	chrome.Go(t, tab, server.URL)
	chrome.StopTime(t, tab)
	announcements := chrome.HearAnnouncements(t, tab)
	chrome.Pass(t, tab, 3*time.Minute+time.Second, func(time.Duration) {})
	if got, want := announcements.All(), []string{"4 minutes", "3 minutes", "2 minutes"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
