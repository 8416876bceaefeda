package clinic

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const (
	script     = `<script src="/.curfew/agent.js" async></script>`
	noteScript = `<script src="/assets/note.js" type="module"></script>`
	agentStart = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; style-src 'self'; " +
		"img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; frame-ancestors "
	publicWhole = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

// Every page, with and without a user. The agent's script is on every
// protected page and on no other.
func TestRoutes(t *testing.T) {
	h := newClinic(t)
	tests := []struct {
		path      string
		status    int
		protected bool
		policy    string
		has       []string
	}{
		{"/", 200, false, publicWhole, []string{`href="/.curfew/sign-in?return_to=%2Fpatients"`, "The timeout is one minute.", "amara", "quiet-harbour", "What to try",
			`href="https://id.example.test/admin?a=1&amp;b=2"`, "within a minute or so"}},
		{"/patients", 200, true, agentStart + "'none'", []string{"Juniper Applewhite", "Percival Mossbank", `href="/patients/FH-1042"`, "Today, 16:30", "Tomorrow, 09:15"}},
		{"/patients?q=STROKE", 200, true, agentStart + "'none'", []string{"1 of 8 patients match “STROKE”", "Saffron Oakhollow"}},
		{"/patients?q=%3Cb%3Enobody", 200, true, agentStart + "'none'", []string{"0 of 8", "&lt;b&gt;nobody"}},
		{"/patients/FH-1042", 200, true, agentStart + "'none'", []string{"Penicillin", "Ramipril", "72 years", `<iframe class="chart-frame" src="/patients/FH-1042/chart"`, `action="/patients/FH-1042/notes"`, "Nurse Wren Tallow"}},
		{"/patients/FH-1042/chart", 200, true, agentStart + "'self'", []string{"<svg class=\"chart\"", "<polyline class=\"line systolic\" points=\"", "4 Mar: systolic 1", "4 Mar, 07:"}},
		{"/patients/FH-9999", 404, true, agentStart + "'none'", []string{"There is no such page"}},
		{"/patients/FH-9999/chart", 404, true, agentStart + "'none'", []string{"There is no such page"}},
		{"/anything", 404, true, agentStart + "'none'", []string{"There is no such page"}},
		{"/assets/", 404, true, agentStart + "'none'", nil},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			w := get(h, tt.path, "Dr <i>Test</i>")
			if w.Code != tt.status {
				t.Fatalf("status is %d, want %d", w.Code, tt.status)
			}
			body, head := w.Body.String(), w.Header()
			before, _, _ := strings.Cut(body, "</head>")
			if got := strings.Contains(before, script); got != tt.protected || strings.Count(body, "<script")-strings.Count(body, noteScript) != map[bool]int{true: 1}[tt.protected] {
				t.Errorf("agent's script in head: %v, want %v; %d scripts in all", got, tt.protected, strings.Count(body, "<script"))
			}
			if got := head.Get("Content-Security-Policy"); got != tt.policy {
				t.Errorf("policy is\n%q, want\n%q", got, tt.policy)
			}
			if got := head.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control is %q", got)
			}
			framed := strings.HasSuffix(tt.policy, "'self'")
			if signOut := strings.Contains(body, `href="/.curfew/sign-out"`); signOut != (tt.protected && !framed) {
				t.Errorf("sign-out link: %v", signOut)
			}
			if strings.Contains(body, "<i>") || strings.Contains(body, "<b>") {
				t.Error("text from outside became markup")
			}
			if bad := regexp.MustCompile(` style=| on[a-z]+="|<style`).FindString(body); bad != "" {
				t.Errorf("page has %q, which its policy forbids", bad)
			}
			for _, want := range tt.has {
				if !strings.Contains(body, want) {
					t.Errorf("page lacks %q", want)
				}
			}
			if tt.protected == Public(strings.Split(tt.path, "?")[0]) {
				t.Errorf("Public(%q) is %v", tt.path, !tt.protected)
			}
			if !tt.protected {
				return
			}
			w = get(h, tt.path, "")
			if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/.curfew/sign-in?return_to=%2F") || strings.Contains(w.Body.String(), "Applewhite") {
				t.Errorf("without a user: %d to %q", w.Code, w.Header().Get("Location"))
			}
		})
	}
}

func TestAssets(t *testing.T) {
	h := newClinic(t)
	for path, kind := range map[string]string{"/assets/clinic.css": "text/css; charset=utf-8", "/assets/mark.svg": "image/svg+xml",
		"/assets/note.js": "text/javascript; charset=utf-8"} {
		w := get(h, path, "")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind || w.Body.Len() < 100 || !Public(path) {
			t.Errorf("GET %s: %d %q, %d bytes, public %v", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len(), Public(path))
		}
	}
}

// A path in disguise is not public: the guard would let it through.
func TestPublicIsExact(t *testing.T) {
	for _, path := range []string{"", "//", "/.", "/assets", "/assets/", "/assets/../patients", "/assets/clinic.css/", "/assets//clinic.css",
		"/assets/../assets/clinic.css", "/ASSETS/clinic.css", "/assets/nothing.css", "/patients", "/assets/clinic.css/../../patients"} {
		if Public(path) {
			t.Errorf("Public(%q) is true", path)
		}
	}
}

func TestEveryPatientIsWhole(t *testing.T) {
	patients := fictionalPatients(testNow)
	if len(patients) != 8 {
		t.Errorf("%d patients, want 8", len(patients))
	}
	seen := map[string]bool{}
	for _, p := range patients {
		if seen[p.ID] || len(p.Conditions) == 0 || len(p.Medicines) == 0 || len(p.Readings) != daysOfReadings || p.NextVisit.Before(testNow.AddDate(0, 0, -1)) {
			t.Errorf("%s %s is not whole: %+v", p.ID, p.Name, p)
		}
		seen[p.ID] = true
		for i, r := range p.Readings {
			if r.Systolic <= r.Diastolic+20 || r.Systolic < 90 || r.Systolic > highest || r.Diastolic < 50 || r.Diastolic > 110 {
				t.Errorf("%s: reading %d is %d/%d", p.Name, i, r.Systolic, r.Diastolic)
			}
			if i > 0 && !p.Readings[i-1].At.Before(r.At) {
				t.Errorf("%s: reading %d is not later than the one before", p.Name, i)
			}
		}
	}
}

func TestLevels(t *testing.T) {
	for _, tt := range []struct {
		systolic, diastolic int
		want                string
	}{{119, 69, "Normal"}, {120, 60, "Elevated"}, {110, 70, "Elevated"}, {139, 89, "Elevated"}, {140, 60, "High"}, {110, 90, "High"}} {
		if got := (reading{Systolic: tt.systolic, Diastolic: tt.diastolic}).level(); got != tt.want {
			t.Errorf("%d/%d is %s, want %s", tt.systolic, tt.diastolic, got, tt.want)
		}
	}
}

// Without the provider's page the visitor is told of nothing that cannot be tried.
func TestWelcomeWithoutAccountsPage(t *testing.T) {
	c := testConfig()
	c.AccountsPage = ""
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if body := get(h, "/", "").Body.String(); strings.Contains(body, "accounts page") || strings.Contains(body, "outage") || !strings.Contains(body, "What to try") {
		t.Errorf("the welcome page is %s", body)
	}
}
