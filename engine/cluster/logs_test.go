package cluster

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestTheEndOfALogIsNotTold: the kubelet puts the last lines of a log into a container's message where the pod says so.
func TestTheEndOfALogIsNotTold(t *testing.T) {
	const pod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  initContainers: [{name: init, terminationMessagePolicy: FallbackToLogsOnError}]
  containers:
    - {name: logs, terminationMessagePolicy: FallbackToLogsOnError}
    - {name: file, terminationMessagePolicy: File}
status:
  initContainerStatuses:
    - {name: init, state: {terminated: {exitCode: 1, reason: Error, message: "panic: password is hunter2"}}}
  containerStatuses:
    - name: logs
      state: {waiting: {reason: CrashLoopBackOff, message: back-off 10s restarting failed container}}
      lastState: {terminated: {exitCode: 2, reason: Error, message: "token hunter2 was refused"}}
    - {name: file, state: {terminated: {exitCode: 3, reason: Error, message: the port is taken}}}
`
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(pod), &u.Object); err != nil {
		t.Fatal(err)
	}
	d := diagnosis{}
	d.pod(u)
	said := fmt.Sprint(d.states)
	if strings.Contains(said, "hunter2") {
		t.Errorf("it quotes a log: %s", said)
	}
	for _, want := range []string{"container init ended with exit code 1", "container logs ended with exit code 2", "CrashLoopBackOff", "the port is taken"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
}
