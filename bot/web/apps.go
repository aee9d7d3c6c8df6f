package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

type appsPage struct {
	Query string
	Apps  []appRow
	// Unwell is how many are not healthy, or out of sync.
	Unwell int
}

type appRow struct {
	Address, Namespace, Name, Project, Environment, Destination, Sync, Health, Revision string
	Automated                                                                           bool
}

// listApps shows the applications of the repositories that one may look into: those that are not well first.
func (w *Web) listApps(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	list := &argo.ApplicationList{}
	if err := w.Client.List(ctx, list); err != nil {
		return fmt.Errorf("listing applications: %w", err)
	}
	seen, err := keepThose(ctx, list.Items, func(ctx context.Context, app argo.Application) (bool, error) { return w.sees(ctx, s, &app) })
	if err != nil {
		return err
	}
	page := appsPage{Query: c.QueryParam("q")}
	for i := range seen {
		row := appRowOf(&seen[i])
		if !strings.Contains(strings.ToLower(strings.Join([]string{row.Name, row.Project, row.Environment, row.Destination, row.Sync, row.Health}, " ")), strings.ToLower(page.Query)) {
			continue
		}
		if unwell(row) {
			page.Unwell++
		}
		page.Apps = append(page.Apps, row)
	}
	slices.SortFunc(page.Apps, func(a, b appRow) int {
		return cmp.Or(btoi(unwell(b))-btoi(unwell(a)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	return w.render(c, http.StatusOK, "apps", frame{Title: "Applications", Here: "apps", Data: page})
}

func unwell(r appRow) bool {
	return r.Health != string(argo.HealthStatusHealthy) || r.Sync != string(argo.SyncStatusCodeSynced)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func appRowOf(app *argo.Application) appRow {
	st := app.Status
	environment := cmp.Or(app.Labels["slipway.dev/environment"], app.Labels["environment"])
	return appRow{Address: appAddress(app.Namespace, app.Name), Namespace: app.Namespace, Name: app.Name, Project: app.Spec.ProjectName(), Environment: environment,
		Destination: app.Spec.Destination.String(), Sync: string(st.Sync.Status), Health: string(st.Health.Status), Automated: app.Spec.SyncPolicy.IsAutomated(),
		Revision: cmp.Or(st.Sync.Revision, strings.Join(st.Sync.Revisions, ", "))}
}

type appPage struct {
	appRow
	Message    string
	Sources    []sourceRow
	Conditions []argo.ApplicationCondition
	Operation  *shownOperation
	Initiator  string
	History    []historyRow
	Resources  []resourceRow
	Images     []string
	URLs       []string
	Locks      []lockRow
	Reconciled time.Time
}

type sourceRow struct{ Repository, Path, Revision string }

type historyRow struct {
	ID       int64
	Revision string
	At       time.Time
	Took     time.Duration
	By       string
}

type resourceRow struct {
	Object, Sync, Health, Message string
	Wave                          int64
	Hook, Prune                   bool
}

// showApp shows an application as the controller last wrote it, which needs nothing of its cluster; its live objects come after, as a part.
func (w *Web) showApp(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	app, err := w.application(ctx, s, c.Param("namespace"), c.Param("name"))
	if err != nil {
		return err
	}
	page := appPageOf(app)
	if page.Locks, err = w.locksOn(ctx, s, app); err != nil {
		return err
	}
	f := frame{Title: app.Name, Here: "apps", Data: page}
	if isPart(c) {
		return w.renderPart(c, "app", "state", f)
	}
	return w.render(c, http.StatusOK, "app", f)
}

func appPageOf(app *argo.Application) appPage {
	st := app.Status
	page := appPage{appRow: appRowOf(app), Message: st.Health.Message, Conditions: st.Conditions, Images: st.Summary.Images}
	for _, u := range st.Summary.ExternalURLs {
		if parsed, err := url.Parse(u); err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") {
			page.URLs = append(page.URLs, u)
		}
	}
	for _, src := range app.Spec.SourceList() {
		page.Sources = append(page.Sources, sourceRow{withoutUser(src.RepoURL), cmp.Or(src.Path, src.Chart), src.TargetRevision})
	}
	if st.ReconciledAt != nil {
		page.Reconciled = st.ReconciledAt.Time
	}
	if o := st.OperationState; o != nil {
		shown := shownOperation{Known: true, Phase: string(o.Phase), Message: o.Message}
		if o.SyncResult != nil {
			shown.Revision, shown.Waves = cmp.Or(o.SyncResult.Revision, strings.Join(o.SyncResult.Revisions, ", ")), waves(app, o.SyncResult.Resources)
		}
		page.Operation, page.Initiator = &shown, initiator(o.Operation.InitiatedBy)
	}
	for _, h := range slices.Backward(st.History) {
		row := historyRow{ID: h.ID, Revision: cmp.Or(h.Revision, strings.Join(h.Revisions, ", ")), At: h.DeployedAt.Time, By: initiator(h.InitiatedBy)}
		if h.DeployStartedAt != nil {
			row.Took = h.DeployedAt.Sub(h.DeployStartedAt.Time)
		}
		page.History = append(page.History, row)
	}
	for _, r := range st.Resources {
		row := resourceRow{Object: objectTitle(r.Group, r.Kind, r.Namespace, r.Name), Sync: string(r.Status), Wave: r.SyncWave, Hook: r.Hook, Prune: r.RequiresPruning}
		if r.Health != nil {
			row.Health, row.Message = string(r.Health.Status), r.Health.Message
		}
		page.Resources = append(page.Resources, row)
	}
	return page
}

func initiator(by argo.OperationInitiator) string {
	if by.Automated {
		return "automated sync"
	}
	return by.Username
}

func objectTitle(group, kind, namespace, name string) string {
	title := kind + " " + name
	if namespace != "" {
		title = kind + " " + namespace + "/" + name
	}
	if group != "" {
		title += " (" + group + ")"
	}
	return title
}

// withoutUser is an address without a name and password that somebody wrote into it.
func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return address
	}
	u.User = nil
	return u.String()
}

// objectsPage are the live objects and events of an application.
type objectsPage struct {
	appRow
	Objects Objects
	Nodes   []shownNode
	Events  []Event
	Trouble string
}

type shownNode struct {
	Node
	Title string
	Depth int
	Logs  string // the address of a pod's logs
}

// showObjects reads what is live, which may take a moment.
func (w *Web) showObjects(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	app, err := w.application(ctx, s, c.Param("namespace"), c.Param("name"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	page := objectsPage{appRow: appRowOf(app)}
	if page.Objects, err = w.Clusters.Objects(ctx, app); err != nil {
		w.Log.Warn("objects cannot be read for a page", "application", app.Name, "error", err)
		page.Trouble = "The cluster cannot be read now."
	} else if page.Events, err = w.Clusters.Events(ctx, app); err != nil {
		w.Log.Warn("events cannot be read for a page", "application", app.Name, "error", err)
		page.Trouble = "Events cannot be read now."
	}
	page.Events = page.Events[:min(len(page.Events), 100)]
	page.Nodes = tree(app, page.Objects.Nodes)
	f := frame{Title: app.Name, Here: "apps", Data: page}
	if isPart(c) {
		return w.renderPart(c, "objects", "objects", f)
	}
	return w.render(c, http.StatusOK, "objects", f)
}

// tree puts nodes under their parents, with their depth.
func tree(app *argo.Application, nodes []Node) []shownNode {
	children := map[int][]int{}
	for i, n := range nodes {
		parent := n.Parent
		if parent >= i { // parents come first, or are not there
			parent = -1
		}
		children[parent] = append(children[parent], i)
	}
	var out []shownNode
	var walk func(parent, depth int)
	walk = func(parent, depth int) {
		for _, i := range children[parent] {
			n := nodes[i]
			shown := shownNode{Node: n, Title: objectTitle("", n.Kind, n.Namespace, n.Name), Depth: min(depth, 6)}
			if n.Kind == "Pod" && n.Group == "" {
				shown.Logs = appAddress(app.Namespace, app.Name) + "/logs?" + url.Values{"namespace": {n.Namespace}, "pod": {n.Name}}.Encode()
			}
			out = append(out, shown)
			walk(i, depth+1)
		}
	}
	walk(-1, 0)
	return out
}

// logsPage is the end of a container's log.
type logsPage struct {
	appRow
	LogRequest
	Log
	Choices []int64
	Address string
	Self    string
}

// logLines are how many lines one may ask for.
var logLines = []int64{100, 500, 2000, 5000}

// showLogs shows the log of a pod that is the application's. Of any other pod nobody is told whether it is there.
func (w *Web) showLogs(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	app, err := w.application(ctx, s, c.Param("namespace"), c.Param("name"))
	if err != nil {
		return err
	}
	r := LogRequest{Namespace: c.QueryParam("namespace"), Pod: c.QueryParam("pod"), Container: c.QueryParam("container"), Previous: c.QueryParam("previous") != "", Lines: 500}
	if n, err := strconv.ParseInt(c.QueryParam("lines"), 10, 64); err == nil && slices.Contains(logLines, n) {
		r.Lines = n
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	log, err := w.Clusters.Logs(ctx, app, r)
	if err != nil {
		return err
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		log.Refused = "The cluster did not answer in time."
	}
	w.Log.Info("a log was read", "user", s.User.Login, "application", app.Namespace+"/"+app.Name, "pod", r.Namespace+"/"+r.Pod, "container", log.Container)
	log.Text = uncoloured(log.Text)
	r.Container = log.Container
	page := logsPage{appRow: appRowOf(app), LogRequest: r, Log: log, Choices: logLines, Address: appAddress(app.Namespace, app.Name), Self: c.Request().URL.RequestURI()}
	f := frame{Title: "Log of " + r.Pod, Here: "apps", Data: page}
	if isPart(c) {
		return w.renderPart(c, "logs", "log", f)
	}
	return w.render(c, http.StatusOK, "logs", f)
}

// uncoloured is text without the codes by which programs colour terminals.
func uncoloured(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	return colours.ReplaceAllString(s, "")
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*[mK]")

// locksOn are the locks on an application.
func (w *Web) locksOn(ctx context.Context, s session, app *argo.Application) ([]lockRow, error) {
	list := &slipway.LockList{}
	if err := w.Client.List(ctx, list, client.InNamespace(w.Namespace)); err != nil {
		return nil, fmt.Errorf("listing locks: %w", err)
	}
	var rows []lockRow
	for i := range list.Items {
		l := &list.Items[i]
		if on := l.Spec.Application; on != nil && on.Namespace == app.Namespace && on.Name == app.Name && !l.Expired(w.Now()) {
			row, err := w.lockRow(ctx, s, l)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
