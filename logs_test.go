package curfew_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
)

// logEvents are the events that the verifier's log tells, besides those of the audit, which it tells under their own names (C6).
var logEvents = map[string]string{
	"serving":             "the verifier answers on the addresses that it names",
	"stopping":            "the verifier was told to end, and finishes what is under way",
	"stopped":             "the verifier has ended as it was told to",
	"supervisor_not_told": "systemd could not be told how the verifier fares",
	"proxy_not_trusted":   "somebody sends X-Forwarded headers who is not in trusted_proxies",

	"config_refused":          "a changed configuration was refused; the old one stays in force",
	"config_needs_restart":    "a changed configuration has values that count only after a restart",
	"clock_set_back":          "the computer's clock was set back; the verifier goes on by the time before",
	"keys_refused":            "a changed key file cannot be used; the verifier goes on with the keys that it has",
	"keys_not_rotated":        "keys could not be exchanged by the schedule",
	"key_added":               "the schedule has put a fresh key into the key file",
	"key_dropped":             "the schedule has dropped a key that nothing needed any more",
	"insecure_origin":         "an environment is served over plain http",
	"sessions_not_ended":      "a configuration is in force, while sessions of environments that are gone could not be ended",
	"admin_api_failed":        "the admin API could not answer through the verifier's own fault",
	"http_server_error":       "a handler has failed, or a connection could not be taken",
	"tls_handshake_failed":    "somebody did not come to an agreement with a listener, or was no client for it",
	"provider_reachable":      "an identity provider answers again, or for the first time",
	"provider_unreachable":    "an identity provider does not answer",
	"provider_misconfigured":  "an identity provider refuses this verifier, or answers what it may not",
	"provider_logout":         "an identity provider has ended sessions",
	"provider_logout_failed":  "an identity provider wanted to end sessions, and that could not be done",
	"policy_check_not_stored": "a policy check could not be carried out because of the store",

	"sign_in_not_begun":        "somebody could not be sent to the identity provider",
	"sign_in_failed":           "an identity provider's answer to a sign-in was refused",
	"hand_in_failed":           "a session that an application handed in was refused",
	"provider_not_told":        "an identity provider could not be told of a sign-out",
	"refresh_token_unreadable": "a session's refresh token cannot be read with the keys there are",
	"store_unavailable":        "somebody could not sign in because the store did not answer",
	"relay_failed":             "the application of a relay did not answer",
	"sweep_failed":             "sessions that ended by time could not be recorded as ended",

	"session_store_write_failed":  "the session store cannot write; it tries again",
	"session_store_written_again": "the session store writes again",
	"ledger_write_failed":         "the ledger cannot write",
	"ledger_written_again":        "the ledger writes again",
	"changes_not_heard":           "what other verifiers do to sessions is not heard; Redis is asked at each request",
	"changes_heard_again":         "what other verifiers do to sessions is heard again",
	"session_change_unreadable":   "another verifier has changed a session in a way that this version does not know",
	"session_record_unreadable":   "a session in Redis is damaged or of a later version, and was left out",
	"redis_not_durable":           "Redis may lose what was acknowledged, as the operator has decided",
	"redis_not_encrypted":         "Redis is reached over a network without TLS",
	"settings_lost":               "Redis has come back without settings that it had acknowledged",
	"replica_trouble":             "something that the verifiers on one Redis need of each other does not work",
	"replica_trouble_over":        "it works again",
	"verifier_gone":               "a verifier has died without a word, and its audit was completed",
	"ledger_lost":                 "Redis has come back without entries of the audit that it had acknowledged",

	"audit_write_failed":    "events wait because the ledger does not take them",
	"audit_written_again":   "the events that waited are written",
	"audit_event_invalid":   "an event that no audit can have was dropped",
	"audit_events_lost":     "so many events wait to be written that some are dropped",
	"audit_forward_slow":    "lines of the forwarded audit were left out",
	"audit_forward_failed":  "the forwarded audit cannot be written",
	"audit_forwarded_again": "the forwarded audit is written again",
	"audit_tampered":        "the ledger has met a place where somebody has changed the audit",
	"audit_not_trimmed":     "old entries of the audit could not be dropped, or must not because the chain is broken",

	"scrape_incomplete":   "some metrics were left out of an answer",
	"console_failed":      "a page of the console could not be made",
	"console_page_failed": "a page of the console broke while it was sent",
}

// Names that are put together, by how they are written in the source.
var logNames = map[string][]string{
	`string(e.Kind)`: kindNames(),
	// The kinds of a provider.State; the others end a session and are told by the audit.
	`"provider_" + string(state.Kind)`: {"provider_unreachable", "provider_misconfigured"},
}

// passesOn are the methods that log an event that their callers name first: the callers are looked at instead.
var passesOn = []string{"loud", "logFault"}

func kindNames() []string {
	var names []string
	for _, kind := range audit.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

var (
	eventName = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	logger    = regexp.MustCompile(`^(log|logger|slog)$`)
	levels    = []string{"Debug", "Info", "Warn", "Error"}
)

// line is a place in the source that logs.
type line struct {
	at      token.Position
	level   string // empty where passesOn decides
	message ast.Expr
	rest    []ast.Expr
}

// logLines finds every call of a slog.Logger below a folder. A logger is known by its name, so another name for one is refused.
func logLines(t *testing.T, root string) (lines []line, set *token.FileSet) {
	t.Helper()
	set = token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return err
		}
		in, direct := "", map[ast.Expr]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				in = n.Name.Name
			case *ast.Field:
				for _, ident := range n.Names {
					if isLogger(n.Type) && !logger.MatchString(strings.ToLower(ident.Name)) {
						t.Errorf("%s: the logger is called %s; allowed: log, logger", set.Position(n.Pos()), ident.Name)
					}
				}
			case *ast.CallExpr:
				direct[n.Fun] = true
				if of, ok := n.Fun.(*ast.SelectorExpr); ok && !slices.Contains(passesOn, in) {
					if found, ok := logLine(of, n.Args); ok {
						found.at = set.Position(n.Pos())
						lines = append(lines, found)
					}
				}
			case *ast.SelectorExpr:
				if !direct[n] && ofLogger(n) && slices.Contains(levels, n.Sel.Name) && !slices.Contains(passesOn, in) {
					t.Errorf("%s: %s is not called at once: name the event where it is logged, or add %s to passesOn", set.Position(n.Pos()), n.Sel.Name, in)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, set
}

func isLogger(e ast.Expr) bool {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := star.X.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "Logger" && called(of.X) == "slog"
}

// called is the last part of an expression's name.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func ofLogger(of *ast.SelectorExpr) bool { return logger.MatchString(strings.ToLower(called(of.X))) }

func logLine(of *ast.SelectorExpr, args []ast.Expr) (line, bool) {
	if slices.Contains(passesOn, of.Sel.Name) && len(args) > 0 {
		return line{message: args[0]}, true
	}
	if !ofLogger(of) {
		return line{}, false
	}
	name, first := of.Sel.Name, 0
	switch {
	case name == "Log" || name == "LogAttrs":
		first = 2
	case strings.HasSuffix(name, "Context"):
		name, first = strings.TrimSuffix(name, "Context"), 1
	}
	if first != 2 && !slices.Contains(levels, name) || len(args) <= first {
		return line{}, false
	}
	return line{level: name, message: args[first], rest: args[first+1:]}, true
}

// C6: every line of the log has the name of its event, which says what has happened; one name has one meaning, and one level.
func TestC6_EveryLogLineHasAnEventName(t *testing.T) {
	lines, set := logLines(t, "verifier")
	if len(lines) < 20 {
		t.Fatalf("only %d places that log were found", len(lines))
	}
	used, level := map[string]bool{}, map[string]string{}
	for _, at := range lines {
		var names []string
		if literal, ok := at.message.(*ast.BasicLit); ok {
			name, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			names = []string{name}
			if before := level[name]; before != "" && at.level != "" && before != at.level {
				t.Errorf("%s: %s is logged as %s here and as %s elsewhere", at.at, name, at.level, before)
			}
			level[name] = cmp.Or(at.level, level[name])
		} else {
			var text strings.Builder
			if err := printer.Fprint(&text, set, at.message); err != nil {
				t.Fatal(err)
			}
			known, ok := logNames[text.String()]
			if !ok {
				t.Errorf("%s: the event %s is no constant: say in logNames which it can be", at.at, &text)
			}
			names = known
		}
		for _, name := range names {
			used[name] = true
			if !eventName.MatchString(name) {
				t.Errorf("%s: %q is no event name: words in small letters with _ between them", at.at, name)
			} else if logEvents[name] == "" && !audit.Kind(name).Valid() {
				t.Errorf("%s: what %s means is not said in logEvents", at.at, name)
			}
		}
		for i := 0; i < len(at.rest); i += 2 {
			literal, ok := at.rest[i].(*ast.BasicLit)
			if !ok {
				continue
			}
			if key, err := strconv.Unquote(literal.Value); err != nil || !eventName.MatchString(key) || key == "err" {
				t.Errorf("%s: the attribute %s; allowed: words in small letters with _ between them, and an error is called error", at.at, literal.Value)
			}
		}
	}
	said := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(logEvents)) {
		if !used[name] {
			t.Errorf("nobody logs %s", name)
		}
		if other := said[logEvents[name]]; other != "" {
			t.Errorf("%s and %s mean the same", name, other)
		}
		said[logEvents[name]] = name
	}
}
