package clinic

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func postDraft(h http.Handler, id, user, text string) int {
	r := httptest.NewRequest(http.MethodPost, "https://clinic.example.test/patients/"+id+"/draft", strings.NewReader(url.Values{"note": {text}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Test-User", user)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// A draft is its author's alone, on the one record, until the note is saved or the draft is empty.
func TestDraftIsItsAuthors(t *testing.T) {
	h := newClinic(t)
	shows := func(path, user string) bool {
		return strings.Contains(get(h, path, user).Body.String(), "half a sentence</textarea>")
	}
	if code := postDraft(h, "FH-1057", "Nurse Wren", " half a sentence "); code != http.StatusNoContent {
		t.Fatalf("keeping a draft answers %d", code)
	}
	if !shows(record, "Nurse Wren") || !strings.Contains(get(h, record, "Nurse Wren").Body.String(), "This is your draft") {
		t.Error("the author does not find the draft")
	}
	if shows(record, "Dr Amara") || shows("/patients/FH-1063", "Nurse Wren") {
		t.Error("the draft shows elsewhere")
	}
	if code := postDraft(h, "FH-1057", "", "stolen"); code < 400 {
		t.Errorf("a draft of nobody: %d", code)
	}
	postNote(h, "FH-1057", "Nurse Wren", "half a sentence, and the rest")
	if shows(record, "Nurse Wren") {
		t.Error("the draft is still there after the note was saved")
	}
	postDraft(h, "FH-1057", "Nurse Wren", "half a sentence")
	postDraft(h, "FH-1057", "Nurse Wren", " ")
	if shows(record, "Nurse Wren") {
		t.Error("an empty draft is a draft")
	}
}

func TestDraftsAreBounded(t *testing.T) {
	h := newClinic(t)
	for what, c := range map[string]struct {
		id, text string
		want     int
	}{
		"the longest":     {"FH-1057", strings.Repeat("æ", maxNote), http.StatusNoContent},
		"too long":        {"FH-1057", strings.Repeat("æ", maxNote+1), http.StatusUnprocessableEntity},
		"much too long":   {"FH-1057", strings.Repeat("x", maxBody), http.StatusBadRequest},
		"unknown patient": {"FH-9999", "x", http.StatusBadRequest},
	} {
		if code := postDraft(h, c.id, "Nurse Wren", c.text); code != c.want {
			t.Errorf("%s: %d, want %d", what, code, c.want)
		}
	}
}
