package manifest

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var source string

var pages = template.Must(template.New("page").Parse(source))

// page is what a page shows; each part of it only where it is set.
type page struct {
	Title   string
	Problem string
	Again   string

	Ask, AskURL, AskAPI    bool
	Action                 string
	URL, Organization, API string

	Host, GitHub, GitHubOrigin, Manifest string

	App, AppURL, Owner, Where, Hook string
	Verified                        bool
}

func (f *Flow) show(w http.ResponseWriter, status int, p page) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	policy := "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if p.GitHubOrigin != "" {
		policy += " " + p.GitHubOrigin
	}
	h.Set("Content-Security-Policy", policy)
	var b bytes.Buffer
	if err := pages.Execute(&b, p); err != nil {
		f.o.Log.Error("a page of the registration failed", "error", err)
		http.Error(w, "the page failed", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the visitor may have gone
}

// fail shows what went wrong, and how to begin again.
func (f *Flow) fail(w http.ResponseWriter, err error) {
	f.o.Log.Error("registering the App failed", "error", err)
	f.show(w, http.StatusBadGateway, page{Title: "That did not work", Problem: err.Error(), Again: f.o.Path})
}
