package appset

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

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

// World is what generators ask for. The zero World has nothing; generators that list something in it yield NeedsWorld.
type World struct {
	// Tree is a repository at a revision as a set names them: revision may be empty, a branch, a tag or a commit. An error means that
	// it cannot be read; nothing is generated then.
	Tree func(repoURL, revision string) (fs.FS, error)
	// Doublestar makes the paths of git files globs in which * stays within a folder and ** does not, as
	// --enable-new-git-file-globbing of Argo CD's ApplicationSet controller does. Otherwise they are git pathspecs, whose * crosses
	// folders.
	Doublestar bool
	// HiddenFolders lets git directories list folders whose names begin with a dot, as the repo server's
	// ARGOCD_REPO_SERVER_INCLUDE_HIDDEN_DIRECTORIES does.
	HiddenFolders bool
	// Now is what templates take for the present.
	Now time.Time
}

// NeedsWorld is the error of a generator whose answer is not at hand where the set is looked at, such as the clusters that are
// registered with a server.
type NeedsWorld struct {
	// Generator is its kind as the set spells it: "clusters", "pullRequest", "git".
	Generator string
	// Field is where it stands in the set.
	Field string
	// Reason says what is missing, or is empty.
	Reason string
}

func (e *NeedsWorld) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = "only the server knows what it yields"
	}
	return fmt.Sprintf("the %s generator: %s", e.Generator, reason)
}

// Generate makes the applications of a set, in the order of its generators and of what they list. All of them are in the set's
// namespace. An error means that there is no answer at all: a NeedsWorld, a Fault of the set or of a file it reads, or one of
// World.Tree. Destinations and projects are not looked up.
func Generate(set *argo.ApplicationSet, world World) ([]*argo.Application, error) {
	r, err := newRun(set, world)
	if err != nil {
		return nil, err
	}
	generators, err := r.roots()
	if err != nil {
		return nil, err
	}
	var apps []*argo.Application
	for _, g := range generators {
		made, err := r.applications(g)
		if err != nil {
			return nil, err
		}
		if apps = append(apps, made...); len(apps) > maxApplications {
			return nil, fault("spec.generators", "the set makes more than %d applications", maxApplications)
		}
	}
	if err := validate(apps); err != nil {
		return nil, err
	}
	return apps, nil
}

// run is one look at one set.
type run struct {
	set   *argo.ApplicationSet
	world World
	text  *templates
	limit *budget
	// What has been read of the repositories, for the generators that ask for it again.
	trees  map[[2]string]fs.FS
	listed map[listing][]string
}

func newRun(set *argo.ApplicationSet, world World) (*run, error) {
	limit := newBudget()
	text, err := newTemplates(set.Spec.GoTemplate, set.Spec.GoTemplateOptions, functions(limit, world.Now))
	if err != nil {
		return nil, err
	}
	text.limit = limit
	return &run{
		set: set, world: world, text: text, limit: limit, trees: map[[2]string]fs.FS{}, listed: map[listing][]string{},
	}, nil
}

// applications makes those of one generator.
func (r *run) applications(g generator) ([]*argo.Application, error) {
	template, err := r.template(g)
	if err != nil {
		return nil, err
	}
	sets, err := r.sets(g, nil)
	if err != nil {
		return nil, err
	}
	if len(sets) > maxApplications {
		return nil, fault(g.field, "the generator makes %d applications; at most %d are made", len(sets), maxApplications)
	}
	apps := make([]*argo.Application, 0, len(sets))
	for _, params := range sets {
		app, err := r.application(template, params)
		if err != nil {
			return nil, err
		}
		apps = append(apps, app)
	}
	return apps, nil
}

// validate looks at what no single application shows, and at what the API server would refuse.
func validate(apps []*argo.Application) error {
	seen := make(map[string]bool, len(apps))
	for _, app := range apps {
		switch {
		case app.Name == "":
			return fault("spec.template.metadata.name", "an application without a name is generated")
		case seen[app.Name]:
			return fault("spec.template.metadata.name", "more than one application with the name %q is generated", app.Name)
		case app.Spec.Project == "":
			return fault("spec.template.spec.project", "the application %q has no project", app.Name)
		}
		if wrong := validation.IsDNS1123Subdomain(app.Name); len(wrong) > 0 {
			return fault("spec.template.metadata.name", "%q is not the name of an application: %s", short(app.Name), wrong[0])
		}
		seen[app.Name] = true
	}
	return nil
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
