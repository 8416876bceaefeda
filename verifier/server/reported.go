package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/curfew-project/curfew/verifier/admin"
)

// maxReported bounds how many pages of one environment are remembered.
const maxReported = 500

// reported remembers which pages have asked for the agent's script since this verifier started (A10): those that take part. A page that
// is not there is neither watched nor protected. It is safe for concurrent use.
type reported struct {
	mu sync.Mutex
	of map[string]map[string]*admin.ReportedPage // by environment and path
}

func newReported() *reported { return &reported{of: map[string]map[string]*admin.ReportedPage{}} }

// saw notes the page that a request for the script names in Referer. Only pages of the origin itself are taken: the path of another
// origin's page is nobody's business here, and browsers do not send it.
func (r *reported) saw(environment, origin string, request *http.Request, now int64) {
	from, err := url.Parse(request.Referer())
	if err != nil || from.Scheme+"://"+from.Host != origin {
		return
	}
	path := general(from.EscapedPath())
	r.mu.Lock()
	defer r.mu.Unlock()
	pages := r.of[environment]
	if pages == nil {
		pages = map[string]*admin.ReportedPage{}
		r.of[environment] = pages
	}
	page := pages[path]
	if page == nil {
		if len(pages) >= maxReported {
			return
		}
		page = &admin.ReportedPage{Path: path, First: now}
		pages[path] = page
	}
	page.Last = now
	page.Count++
}

func (r *reported) list(environment string) []admin.ReportedPage {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := []admin.ReportedPage{}
	for _, page := range r.of[environment] {
		found = append(found, *page)
	}
	slices.SortFunc(found, func(a, b admin.ReportedPage) int { return strings.Compare(a.Path, b.Path) })
	return found
}

// general is a path with * in place of each part that looks like an identifier: it would be somebody's, and there would be no end of
// them.
func general(path string) string {
	path = path[:min(len(path), 500)]
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "0123456789") && !page(part) || len(part) > 64 {
			parts[i] = "*"
		}
	}
	if path = strings.Join(parts, "/"); path == "" {
		return "/"
	}
	return path
}

// page reports whether the part of a path is the name of a file with few digits, such as report2.html.
func page(part string) bool {
	name, ending, ok := strings.Cut(part, ".")
	digits := 0
	for _, c := range name {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return ok && ending != "" && digits <= 2 && len(name) > digits && len(name) <= 32 && !strings.ContainsAny(ending, "0123456789")
}
