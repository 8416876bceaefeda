package texts

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/agent/warning"
)

func load(t testing.TB, dir string) *Catalog {
	t.Helper()
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// C7: the languages that are promised are there, and complete: Load checks each against English.
func TestC7_Languages(t *testing.T) {
	c := load(t, "")
	var tags []string
	for _, l := range c.Languages() {
		tags = append(tags, l.Tag()+" "+l.Direction())
	}
	if got, want := strings.Join(tags, ", "), "en ltr, ar rtl, da ltr, de ltr, es ltr, fr ltr"; got != want {
		t.Errorf("languages %s, want %s", got, want)
	}
	if got := strings.Join(Embedded(), " "); got != "ar da de en es fr" {
		t.Errorf("embedded: %s", got)
	}
}

// C7: the English file is what the agent says without any file, and has nothing besides but the pages' texts.
func TestC7_EnglishIsTheAgents(t *testing.T) {
	english := load(t, "").languages[0]
	agent := warning.English()
	for key, want := range agent {
		if got := english.texts[Key(key)]; got != want {
			t.Errorf("en.json has %s %q, the agent says %q", key, got, want)
		}
	}
	for key := range english.texts {
		if _, ok := agent[warning.Key(key)]; !ok && !strings.HasPrefix(string(key), pagePrefix) {
			t.Errorf("en.json has %s, which the agent does not know", key)
		}
	}
	if len(english.texts) < 100 {
		t.Errorf("only %d texts", len(english.texts))
	}
}

// The pages' keys in keys.go are those of the files: a key without a text would show nothing, a text without a key is not needed.
func TestPageKeysAreThoseOfTheFiles(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Key
	ast.Inspect(source, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, Key(text))
			}
		}
		return true
	})
	var there []Key
	for key := range load(t, "").languages[0].texts {
		if strings.HasPrefix(string(key), pagePrefix) {
			there = append(there, key)
		}
	}
	slices.Sort(declared)
	slices.Sort(there)
	if len(declared) < 40 || !slices.Equal(declared, there) {
		t.Errorf("keys.go has\n%v, the files have\n%v", declared, there)
	}
}

// A text that is the same as in English was forgotten; and typographic marks are those of the language.
func TestTranslationsAreNoEnglish(t *testing.T) {
	c := load(t, "")
	english := c.languages[0].texts
	for _, l := range c.languages {
		for key, text := range l.texts {
			if l.name != English && text == english[key] {
				t.Errorf("%s: %s is English: %q", l.name, key, text)
			}
			if strings.Contains(text, "...") || strings.ContainsAny(text, "'\"") || strings.Contains(text, "  ") {
				t.Errorf("%s: %s has a typewriter's mark or two spaces: %q", l.name, key, text)
			}
			switch l.name {
			case "fr":
				for i, r := range text {
					if strings.ContainsRune("?!;", r) && !strings.HasSuffix(text[:i], "\u202f") || r == ':' && !strings.HasSuffix(text[:i], "\u00a0") {
						t.Errorf("fr: %s has no narrow space before %c: %q", key, r, text)
					}
				}
			case "ar":
				if strings.ContainsAny(text, ",;?") {
					t.Errorf("ar: %s has a Latin mark: %q", key, text)
				}
			case "es":
				if strings.Count(text, "?") != strings.Count(text, "¿") {
					t.Errorf("es: %s has a question mark too few: %q", key, text)
				}
			}
		}
	}
}

// Nothing technical is shown to a person, in no language.
func TestNothingTechnicalIsShown(t *testing.T) {
	for _, l := range load(t, "").languages {
		for key, text := range l.texts {
			for _, word := range []string{"token", "cookie", "heartbeat", "curfew", "verifier", "provider", "timeout", "http", "url", "oidc", "_"} {
				if strings.Contains(strings.ToLower(text), word) {
					t.Errorf("%s: %s says %q: %q", l.name, key, word, text)
				}
			}
		}
	}
}

// variant is the English file with some fields changed; an empty value removes one.
func variant(t testing.TB, change map[string]string) string {
	t.Helper()
	text, err := Template(English)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	maps.Copy(fields, change)
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	text, err = json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// C7: an operator adds a language, and replaces one, with a file.
func TestC7_AnOperatorAddsALanguage(t *testing.T) {
	dir := write(t, map[string]string{
		"nl.json":    variant(t, map[string]string{"language": "nl", "button.stay": "Aangemeld blijven"}),
		"pt-BR.json": variant(t, map[string]string{"language": "pt-BR", "button.stay": "Continuar conectado"}),
		"de.json":    variant(t, map[string]string{"language": "de", "button.stay": "Weiterarbeiten"}),
		".de.json~":  "what an editor keeps",
	})
	c := load(t, dir)
	if len(c.Languages()) != 8 {
		t.Errorf("%d languages", len(c.Languages()))
	}
	for accept, want := range map[string]string{"nl-BE": "Aangemeld blijven", "pt": "Continuar conectado", "de-CH": "Weiterarbeiten", "da": "Forbliv logget ind"} {
		if got := c.Match(accept).Text("button.stay"); got != want {
			t.Errorf("%s gets %q, want %q", accept, got, want)
		}
	}
	if names := c.Names(); len(names) != 7 || !strings.HasPrefix(names["pt-br"], "texts.pt-br.") || names["de"] == load(t, "").Names()["de"] {
		t.Errorf("names %v", names)
	}
}

// C7: a wrong file is refused with its name, the key and what is wrong, everything at once.
func TestC7_WrongFilesAreRefused(t *testing.T) {
	for name, wrong := range map[string]struct {
		text string
		says []string
	}{
		"nl.json": {variant(t, map[string]string{"language": "nl", "button.stay": "", "page.stay.hint": "", "button.stey": "x", "say.session": "over {tijd}", "offline": " x",
			"session.body": strings.Repeat("é", 601), "session.title": strings.Repeat("é", 101), "direction": "up", "retry": "x"}), []string{
			"nl.json: missing: button.stay, page.stay.hint", "button.stey is not known", `say.session is "over {tijd}"; places for values are "{tijd}"; allowed: {time}`,
			"offline is \" x\"; it begins or ends with a space", "it has 601 characters; allowed: 1 to 600", "it has 101 characters; allowed: 1 to 100", `direction is "up"; allowed: ltr, rtl`}},
		"sv.json":  {variant(t, map[string]string{"language": "nb"}), []string{`sv.json: language is "nb"; allowed: that of the file's name`}},
		"xx-.json": {variant(t, map[string]string{"language": "xx-"}), []string{`language is "xx-"; allowed: a language tag`}},
		"q.json":   {variant(t, map[string]string{"language": ""}), []string{`language is ""; allowed: a language tag`}},
		"fi.json":  {"{\n\"language\": \"fi\",\n\"a\": 1}", []string{"fi.json: line 3: a has no text in quotes"}},
		"hu.json":  {"{\"a\": \"1\",\n\"a\": \"2\"}", []string{"hu.json: line 2: a stands twice"}},
		"it.json":  {`["a"]`, []string{"it.json: line 1: it is no JSON object"}},
		"lt.json":  {variant(t, map[string]string{"language": "lt"}) + "{}", []string{"something after the closing brace"}},
		"lv.json":  {`{"a": "b"`, []string{"a comma or the closing brace is missing"}},
		"mt.json":  {"", []string{"it is no JSON object"}},
		"no.json":  {"{\"a\": \"\xff\"}", []string{"it is not UTF-8"}},
		"pl.json":  {variant(t, map[string]string{"language": "pl", "offline": "a\nb"}), []string{"a control character"}},
		"ro.json":  {variant(t, map[string]string{"language": "ro", "offline": "a{time}"}), []string{`allowed: none`}},
		"ru.json":  {strings.Repeat(" ", maxFile+1), []string{"it has more than 65536 bytes"}},
		"sk.txt":   {"", []string{"sk.txt: it is no language"}},
	} {
		_, err := Load(write(t, map[string]string{name: wrong.text}))
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		for _, says := range wrong.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: the error does not say %s:\n%v", name, says, err)
			}
		}
	}
	if _, err := Load(write(t, map[string]string{"nl.json": "", "sv.json": ""})); err == nil || !strings.Contains(err.Error(), "nl.json") || !strings.Contains(err.Error(), "sv.json") {
		t.Errorf("two wrong files: %v", err)
	}
	two := write(t, map[string]string{"nl.json": variant(t, map[string]string{"language": "nl"}), "NL.json": variant(t, map[string]string{"language": "NL"})})
	if _, err := Load(two); err == nil || !strings.Contains(err.Error(), "another file has this language") {
		t.Errorf("one language twice: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no directory: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "nl.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "cannot be read as a file") {
		t.Errorf("a directory for a file: %v", err)
	}
}

// RFC 9110 section 12.5.4; the nearest language that there is, and English otherwise.
func TestMatch(t *testing.T) {
	c := load(t, "")
	for accept, want := range map[string]string{
		"":                                     "en",
		"*":                                    "en",
		"da":                                   "da",
		"da-DK, en;q=0.5":                      "da",
		"en;q=0.3, fr-CA;q=0.8":                "fr",
		"sv-SE,sv;q=0.9,de;q=0.5":              "de",
		"nb":                                   "da", // what is written alike
		"es-419":                               "es",
		"ar-EG":                                "ar",
		"zh-CN":                                "en",
		"zh-CN, ar;q=0.1":                      "ar",
		"de;q=0, fr":                           "fr",
		"no such header; q=":                   "en",
		"xx-, fr":                              "fr", // what cannot be read is left out
		"\x00":                                 "en",
		strings.Repeat("-", 5000):              "en",
		"fr," + strings.Repeat("xx,", 5000):    "fr",
		strings.Repeat("zh,", 5000) + "da":     "en",
		"fr;q=1.0" + strings.Repeat("0", 2000): "fr",
	} {
		if got := c.Match(accept).Tag(); got != want {
			t.Errorf("Accept-Language %.60q gets %s, want %s", accept, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"da, en;q=0.5", "*", "zh-Hant-TW;q=0.1,x-klingon", "-", ";q=", "en-u-co-phonebk"} {
		f.Add(seed)
	}
	c := load(f, "")
	f.Fuzz(func(t *testing.T, accept string) {
		if l := c.Match(accept); l.Text(SignInTitle) == "" {
			t.Errorf("%q gets a language without texts", accept)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, tag := range Embedded() {
		text, err := Template(tag)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"a":"b"}`))
	required := Default().texts
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parse(text, required)
		if err != nil {
			return
		}
		for key := range required {
			if l.Text(key) == "" {
				t.Errorf("%s has no text, and the file was taken", key)
			}
		}
	})
}
