package project_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

func TestSignatures(t *testing.T) {
	policy := func(mode argo.SourceIntegrityGitPolicyGPGMode, key string, repos ...string) argo.SourceIntegrityGitPolicy {
		p := argo.SourceIntegrityGitPolicy{GPG: &argo.SourceIntegrityGitPolicyGPG{Mode: mode, Keys: []string{key}}}
		for _, url := range repos {
			p.Repos = append(p.Repos, argo.SourceIntegrityGitPolicyRepo{URL: url})
		}
		return p
	}
	head, strict, none := argo.SourceIntegrityGitPolicyGPGModeHead, argo.SourceIntegrityGitPolicyGPGModeStrict, argo.SourceIntegrityGitPolicyGPGModeNone
	project1 := func(policies ...argo.SourceIntegrityGitPolicy) argo.AppProjectSpec {
		return argo.AppProjectSpec{SourceIntegrity: &argo.SourceIntegrity{Git: &argo.SourceIntegrityGit{Policies: policies}},
			SignatureKeys: []argo.SignatureKey{{KeyID: "LEGACY"}}}
	}
	const shop = "https://git.example.com/acme/shop.git"
	for name, c := range map[string]struct {
		spec  argo.AppProjectSpec
		url   string
		want  *project.Signatures
		fails bool
	}{
		"nothing is asked":             {argo.AppProjectSpec{}, shop, nil, false},
		"signatureKeys are for all":    {argo.AppProjectSpec{SignatureKeys: []argo.SignatureKey{{KeyID: "A"}, {KeyID: "B"}}}, shop, &project.Signatures{Keys: []string{"A", "B"}}, false},
		"sourceIntegrity goes before":  {project1(policy(strict, "A", "https://git.example.com/acme/*")), shop, &project.Signatures{Keys: []string{"A"}, History: true}, false},
		"another repository":           {project1(policy(head, "A", "https://git.example.com/bank/*")), shop, nil, false},
		"denied":                       {project1(policy(head, "A", "*", "!"+shop)), shop, nil, false},
		"not by the case":              {project1(policy(head, "A", "https://git.example.com/acme/*")), "https://GIT.example.com/ACME/shop", &project.Signatures{Keys: []string{"A"}}, false},
		"not by a slash at the end":    {project1(policy(head, "A", shop)), "https://git.example.com/acme/shop/", &project.Signatures{Keys: []string{"A"}}, false},
		"two policies let nothing by":  {project1(policy(head, "A", "*"), policy(none, "B", shop)), shop, nil, true},
		"mode none":                    {project1(policy(none, "A", "*")), shop, nil, false},
		"a mode that there is not":     {project1(policy("all", "A", "*")), shop, nil, true},
		"a policy without rules":       {project1(argo.SourceIntegrityGitPolicy{Repos: []argo.SourceIntegrityGitPolicyRepo{{URL: "*"}}}), shop, nil, false},
		"sourceIntegrity without git":  {argo.AppProjectSpec{SourceIntegrity: &argo.SourceIntegrity{}}, shop, nil, false},
		"a policy of no repositories":  {project1(policy(head, "A")), shop, nil, false},
		"a pattern that is no pattern": {project1(policy(head, "A", "[")), shop, &project.Signatures{Keys: []string{"A"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			proj := &argo.AppProject{Spec: c.spec}
			got, err := project.New(proj, project.Scope{}).Signatures(c.url)
			if (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
