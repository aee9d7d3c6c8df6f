package settings_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/settings"
)

// FuzzDecode reads any settings and secrets: nothing that they hold ends the server, and no error quotes what a Secret holds.
func FuzzDecode(f *testing.F) {
	for _, c := range [][3]string{
		{"resource.exclusions", "- {apiGroups: ['*'], kinds: [Event]}", `{"bearerToken": "HUSH", "tlsClientConfig": {"insecure": true}}`},
		{"resource.customizations", "apps/Deployment: {ignoreDifferences: \"jsonPointers: [/spec]\"}", `{"execProviderConfig": {"command": "x", "env": {"A": "HUSH"}}}`},
		{"resource.customizations.ignoreDifferences.all", "jqPathExpressions: [.spec]", "HUSH"}, {"timeout.reconciliation", "3m", `{"password": HUSH}`},
		{"resource.compareoptions", "{ignoreAggregatedRoles: 1}", `{"password": ["HUSH"]}`}, {"kustomize.buildOptions.v1", "--x", "HUSH: {"}, {"resource.inclusions", "&a [*a]", "HUSH\n"},
	} {
		f.Add(c[0], c[1], c[2])
	}
	f.Fuzz(func(t *testing.T, key, text, hidden string) {
		if strings.Count(text, "*") > 20 || strings.Contains(key+text, "HUSH") {
			t.Skip()
		}
		maps := []corev1.ConfigMap{
			{ObjectMeta: metav1.ObjectMeta{Name: settings.ConfigMapName}, Data: map[string]string{key: text, "timeout.reconciliation.jitter": text, "resource.exclusions": text}},
			{ObjectMeta: metav1.ObjectMeta{Name: settings.ParametersName}, Data: map[string]string{"application.namespaces": text, key: text}},
		}
		var secrets []corev1.Secret
		for _, kind := range []string{"cluster", "repository", "repo-creds", text} {
			secrets = append(secrets, corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{settings.SecretTypeLabel: kind}},
				Data: map[string][]byte{"server": []byte("https://x"), "url": []byte("https://x"), "config": []byte(hidden), "password": []byte(hidden), "githubAppID": []byte(hidden), "insecure": []byte(hidden)}})
		}
		got, errs := settings.Decode(maps, secrets)
		if said := fmt.Sprintf("%v %+v", errs, got); strings.Contains(said, "HUSH") {
			t.Errorf("a Secret is quoted: %s", said)
		}
		again, _ := settings.Decode(maps, secrets)
		if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", again); a != b && !strings.Contains(a, "0x") {
			t.Errorf("another time it is read as another: %s\n%s", a, b)
		}
	})
}
