package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/templates"
)

// pages are the parsed templates and the assets under names that change with their content.
type pages struct {
	templates map[string]*template.Template
	assets    map[string]asset
}

type asset struct {
	content []byte
	kind    string
}

var assetKinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// parsePages reads the templates, which are part of the program.
func parsePages() (*pages, error) {
	files, err := fs.Sub(templates.Web, "web")
	if err != nil {
		return nil, fmt.Errorf("finding the pages: %w", err)
	}
	p := &pages{templates: map[string]*template.Template{}, assets: map[string]asset{}}
	names, err := p.readAssets(files)
	if err != nil {
		return nil, err
	}
	own, err := fs.Glob(files, "page-*.html")
	if err != nil {
		return nil, fmt.Errorf("finding the pages: %w", err)
	}
	for _, file := range own {
		t, err := template.New("layout.html").Funcs(words(names)).ParseFS(files, "layout.html", "parts.html", file)
		if err != nil {
			return nil, fmt.Errorf("reading the pages: %w", err)
		}
		p.templates[strings.TrimSuffix(strings.TrimPrefix(file, "page-"), ".html")] = t
	}
	return p, nil
}

func (p *pages) readAssets(files fs.FS) (map[string]string, error) {
	names := map[string]string{}
	for _, name := range []string{"pages.css", "pages.js", "mark.svg"} {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading the pages: %w", err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(name)
		public := strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		p.assets[public], names[name] = asset{content, assetKinds[ext]}, "/assets/"+public
	}
	return names, nil
}

// words are the functions that templates use.
func words(assets map[string]string) template.FuncMap {
	return template.FuncMap{
		"asset": func(name string) string { return assets[name] },
		"short": short,
		"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"count": count,
		"tone":  tone,
		"lower": strings.ToLower,
		"join":  strings.Join,
	}
}

// short is the abbreviation of a commit.
func short(sha string) string {
	if len(sha) > 10 {
		return sha[:10]
	}
	return sha
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// tone is the colour of a word that the controller, the cluster or a check says.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case "Healthy", "Synced", "Succeeded", "success", "Done", "added", "merged", "Running":
		return "good"
	case "Degraded", "Failed", "Error", "failure", "removed", "Timed out", "SyncFailed":
		return "bad"
	case "OutOfSync", "Missing", "Refused", "Suspended", "Manual", "warning", "Warning", "changed", "renamed":
		return "warn"
	case "Progressing", "Pending", "Syncing", "Waiting", "pending", "Terminating":
		return "busy"
	}
	return "calm"
}

// frame is what every page has.
type frame struct {
	Title string
	// Here is the section that the page belongs to: "pulls", "apps" or "locks".
	Here string
	// Wait has the page loaded anew after so many seconds; 0 does not.
	Wait    int
	Version string
	Theme   string
	User    forge.User
	Form    string
	Data    any
}

// render writes a page whole, or nothing of it.
func (w *Web) render(c echo.Context, status int, name string, f frame) error {
	body, err := w.fill(c, name, "layout.html", f)
	if err != nil {
		return err
	}
	return c.HTMLBlob(status, body)
}

// renderPart writes a part of a page, which scripts put in the place of an older one; one that is known already is not sent again.
func (w *Web) renderPart(c echo.Context, name, part string, f frame) error {
	body, err := w.fill(c, name, part, f)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	c.Response().Header().Set("ETag", tag)
	if c.Request().Header.Get("If-None-Match") == tag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.HTMLBlob(http.StatusOK, body)
}

func (w *Web) fill(c echo.Context, name, part string, f frame) ([]byte, error) {
	f.Version, f.Theme = w.Version, theme(c)
	if s := me(c); s.ID != "" {
		f.User, f.Form = s.User, s.Form
	}
	var b bytes.Buffer
	if err := w.pages.templates[name].ExecuteTemplate(&b, part, f); err != nil {
		return nil, fmt.Errorf("filling the page %s: %w", name, err)
	}
	return writtenOut(b.Bytes()), nil
}

// writtenOut is a page without marks that mislead those who read it, wherever they came from: what has no width, turns text around or
// controls something is written out.
func writtenOut(page []byte) []byte {
	if bytes.IndexFunc(page, misleads) < 0 {
		return page
	}
	out := make([]byte, 0, len(page)+64)
	for _, r := range string(page) {
		if misleads(r) {
			out = fmt.Appendf(out, "&lt;U+%04X&gt;", r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func misleads(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
}

// theme is the one that a person chose, or "" for the system's.
func theme(c echo.Context) string {
	if chosen, err := c.Cookie("slipway-theme"); err == nil && (chosen.Value == "light" || chosen.Value == "dark") {
		return chosen.Value
	}
	return ""
}

// asset serves a file of the pages'. Its name says its content, so it may be kept for ever.
func (w *Web) asset(c echo.Context) error {
	a, ok := w.pages.assets[c.Param("file")]
	if !ok {
		return ErrNotThere
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, a.kind, a.content)
}

type failure struct{ Status, Text string }

// fail answers what went wrong. What is ours is logged, and told without detail.
func (w *Web) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, text := http.StatusInternalServerError, "Something went wrong here. It is noted; try again in a moment."
	var known *echo.HTTPError
	var limited *forge.RateLimited
	switch {
	case errors.Is(err, ErrNotThere), errors.As(err, &known) && (known.Code == http.StatusNotFound || known.Code == http.StatusMethodNotAllowed):
		status, text = http.StatusNotFound, "There is nothing here, or it is not for you to see."
	case errors.As(err, &known):
		status, text = known.Code, fmt.Sprint(known.Message)
	case errors.Is(err, c.Request().Context().Err()) && c.Request().Context().Err() != nil:
		return // nobody waits for it
	case errors.As(err, &limited):
		status, text = http.StatusServiceUnavailable, "The forge wants us to wait before it says who may see this. Try again in a minute."
		c.Response().Header().Set("Retry-After", "60")
	default:
		w.Log.Error("a page failed", "path", c.Request().URL.Path, "error", err)
	}
	f := frame{Title: http.StatusText(status), Data: failure{fmt.Sprint(status), text}}
	if renderErr := w.render(c, status, "error", f); renderErr != nil {
		w.Log.Error("a page failed", "page", "error", "error", renderErr)
		_ = c.String(status, text) // it cannot be told better
	}
}
