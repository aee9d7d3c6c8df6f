package appset

import (
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Bounds on what one set may make.
const (
	// maxSets is how many sets of parameters a generator may yield, before its selector.
	maxSets = 20_000
	// maxApplications is how many applications a set may make.
	maxApplications = 10_000
)

// Generation is what a set makes, and what of it cannot stand.
type Generation struct {
	// Applications in the order of the set's generators and of what they list, all in the set's namespace, each with a name of its own.
	Applications []*argo.Application
	// Refused are those that are not among them, because the API server would refuse them or two have one name. They hinder no other.
	Refused []Refusal
	// Held are those that are neither made nor changed nor deleted, because they are of a pull request that is held.
	Held []Refusal
	// Pulls are the pull requests that applications were made of, by the application's name, where that can be told.
	Pulls map[string]Pull
	// Answers are what was told by those whom only the set's controller asks.
	Answers Answers
}

// Refusal is an application that cannot stand.
type Refusal struct {
	Name  string // empty if it has none
	Fault *object.Fault
}

// Pull is a pull request that an application was made of.
type Pull struct {
	Generator *argo.PullRequestGenerator
	Number    string
	// Head is the commit that the application was made of.
	Head string
}

// Key names the pull request as HOST/OWNER/NAME#NUMBER, in the words of the generator.
func (p Pull) Key() string { return strings.TrimPrefix(p.Repository(), "https://") + "#" + p.Number }

// Repository is the address of its repository, https://HOST/OWNER/NAME, in the words of the generator.
func (p Pull) Repository() string {
	host, api, name := "github.com", "", ""
	switch g := p.Generator; {
	case g.Github != nil:
		api, name = g.Github.API, g.Github.Owner+"/"+g.Github.Repo
	case g.GitLab != nil:
		host, api, name = "gitlab.com", g.GitLab.API, g.GitLab.Project
	}
	if u, err := url.Parse(api); err == nil && u.Host != "" {
		host = strings.TrimPrefix(u.Host, "api.")
	}
	return "https://" + host + "/" + name
}

// PullOf finds the pull request of a Key again among those that a set's generators list; not where they are templates themselves.
func PullOf(set *argo.ApplicationSet, key, head string) (Pull, bool) {
	_, number, _ := strings.Cut(key, "#")
	for _, leaf := range Leaves(set) {
		if leaf.PullRequest == nil {
			continue
		}
		if p := (Pull{Generator: leaf.PullRequest, Number: number, Head: head}); p.Key() == key {
			return p, true
		}
	}
	return Pull{}, false
}

// Generate makes the applications of a set, all of them or none: an error is a NeedsWorld, a Fault of the set or of a file it reads, or
// the World's. Destinations and projects are not looked up.
func Generate(set *argo.ApplicationSet, world World) ([]*argo.Application, error) {
	made, err := Unfold(set, world)
	switch {
	case err != nil:
		return nil, err
	case len(made.Refused) > 0:
		return nil, made.Refused[0].Fault
	}
	return made.Applications, nil
}

// Unfold is Generate for those who go on with the applications that can stand where others cannot. An error means that there is no
// answer at all, and that nothing may be concluded from it.
func Unfold(set *argo.ApplicationSet, world World) (Generation, error) {
	r, err := newRun(set, world)
	if err != nil {
		return Generation{}, err
	}
	generators, err := r.roots()
	if err != nil {
		return Generation{}, err
	}
	made := Generation{Pulls: map[string]Pull{}}
	seen := map[string]bool{}
	for _, g := range generators {
		clear(r.held)
		apps, err := r.applications(g)
		if err != nil {
			return Generation{}, err
		}
		pull := onlyPullRequest(g)
		for _, a := range apps {
			n, ok := a.params["number"].(string)
			if why := r.held[n]; ok && why != "" && len(pullRequestsOf(g)) > 0 {
				made.Held = append(made.Held, Refusal{Name: a.app.Name, Fault: fault(g.field, "pull request %s: %s", n, why)})
				continue
			}
			made.add(a.app, seen)
			if ok && pull != nil {
				head, _ := a.params["head_sha"].(string)
				made.Pulls[a.app.Name] = Pull{Generator: pull, Number: n, Head: head}
			}
		}
		if len(made.Applications) > maxApplications {
			return Generation{}, fault("spec.generators", "the set makes more than %d applications", maxApplications)
		}
	}
	made.Answers = Answers{r.told}
	return made, nil
}

// add looks at what no single application shows, and at what the API server would refuse.
func (m *Generation) add(app *argo.Application, seen map[string]bool) {
	const name = "spec.template.metadata.name"
	refuse := func(err error) {
		f, _ := object.AsFault(err)
		m.Refused = append(m.Refused, Refusal{Name: app.Name, Fault: f})
	}
	wrong := validation.IsDNS1123Subdomain(app.Name)
	switch {
	case app.Name == "":
		refuse(fault(name, "an application without a name is generated"))
	case seen[app.Name]:
		refuse(fault(name, "more than one application with the name %q is generated", app.Name))
	case app.Spec.Project == "":
		refuse(fault("spec.template.spec.project", "the application %q has no project", app.Name))
	case len(wrong) > 0:
		refuse(fault(name, "%q is not the name of an application: %s", short(app.Name), wrong[0]))
	default:
		m.Applications = append(m.Applications, app)
	}
	seen[app.Name] = true
}

// run is one look at one set.
type run struct {
	set   *argo.ApplicationSet
	world World
	text  *templates
	limit *budget
	// What has been read of the repositories, for the generators that ask for it again.
	trees   map[[2]string]fs.FS
	listed  map[listing][]string
	answers map[string]any // of the world, by question
	told    map[string]any // those of them that only the controller is told
	// What the base of answers given before names, and what the set at hand does; nil until it is looked for.
	base, words *vocabulary
	// held says why pull requests are held, by their number: those of one generator at a time.
	held map[string]string
}

func newRun(set *argo.ApplicationSet, world World) (*run, error) {
	limit := newBudget()
	text, err := newTemplates(set.Spec.GoTemplate, set.Spec.GoTemplateOptions, functions(limit, world.Now))
	if err != nil {
		return nil, err
	}
	text.limit = limit
	return &run{
		set: set, world: world, text: text, limit: limit, trees: map[[2]string]fs.FS{}, listed: map[listing][]string{}, answers: map[string]any{}, told: map[string]any{}, held: map[string]string{},
	}, nil
}

// filled is an application, and the parameters it was made of.
type filled struct {
	app    *argo.Application
	params params
}

// applications makes those of one generator.
func (r *run) applications(g generator) ([]filled, error) {
	template, err := r.template(g)
	if err != nil {
		return nil, err
	}
	if err := r.guardProject(g, template); err != nil {
		return nil, err
	}
	sets, err := r.sets(g, nil)
	if err != nil {
		return nil, err
	}
	if len(sets) > maxApplications {
		return nil, fault(g.field, "the generator makes %d applications; at most %d are made", len(sets), maxApplications)
	}
	apps := make([]filled, 0, len(sets))
	for _, set := range sets {
		app, err := r.application(template, set)
		if err != nil {
			return nil, err
		}
		apps = append(apps, filled{app, set})
	}
	return apps, nil
}

// fault is a mistake in the text of the set.
func fault(field, format string, args ...any) *object.Fault {
	return &object.Fault{Field: field, Message: fmt.Sprintf(format, args...)}
}

// within says where in the set an error arose, unless it says so itself.
func within(field string, err error) error {
	if f, ok := object.AsFault(err); ok && f.Field == "" && f.File == "" {
		f.Field = field
	}
	return err
}

// short keeps what a set generates from filling a message.
func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

var typeMeta = metav1.TypeMeta{APIVersion: "argoproj.io/v1alpha1", Kind: "Application"}
