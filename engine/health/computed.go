package health

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// computed are the custom resources whose health has to be reckoned from parts, where the table of rules does not reach.
func computed(kind schema.GroupKind) (func(subject) *Health, bool) {
	switch kind.Group {
	case "argoproj.io":
		return one(kind.Kind, "Rollout", rollout)
	case "apps.kruise.io", "game.kruise.io":
		return kruise(kind.Kind)
	case "promoter.argoproj.io":
		return promoter(kind.Kind)
	case "flagger.app":
		return one(kind.Kind, "Canary", canary)
	case "gateway.networking.k8s.io", "microgateway.airlock.com":
		return gatewayAPI(kind)
	case "gateway.solo.io", "gloo.solo.io":
		return gloo, true
	case "serving.knative.dev", "operator.knative.dev", "serving.kserve.io":
		return knative(kind.Kind)
	case "route.openshift.io", "apps.openshift.io", "operators.coreos.com", "policy.open-cluster-management.io":
		return openShift(kind.Kind)
	case "cluster.x-k8s.io", "controlplane.cluster.x-k8s.io":
		return clusterAPI(kind.Kind)
	case "k8s.mariadb.com", "mariadb.mmontes.io":
		return mariaDB(kind.Kind)
	case "numaflow.numaproj.io":
		return numaflow(kind.Kind)
	case "work.karmada.io":
		return karmada(kind.Kind)
	case "policy":
		return one(kind.Kind, "PodDisruptionBudget", disruptionBudget)
	}
	return alone(kind)
}

// alone are the groups with one kind each.
func alone(kind schema.GroupKind) (func(subject) *Health, bool) {
	switch kind {
	case schema.GroupKind{Group: "elasticsearch.k8s.elastic.co", Kind: "Elasticsearch"}:
		return elasticsearch, true
	case schema.GroupKind{Group: "external-secrets.io", Kind: "ClusterExternalSecret"}:
		return clusterExternalSecret, true
	case schema.GroupKind{Group: "ceph.rook.io", Kind: "CephCluster"}:
		return ceph, true
	case schema.GroupKind{Group: "cassandra.rook.io", Kind: "Cluster"}:
		return cassandra, true
	case schema.GroupKind{Group: "kafka.banzaicloud.io", Kind: "KafkaCluster"}:
		return koperator, true
	case schema.GroupKind{Group: "platform.confluent.io", Kind: "Connector"}:
		return connector, true
	case schema.GroupKind{Group: "solr.apache.org", Kind: "SolrCloud"}:
		return solr, true
	case schema.GroupKind{Group: "sparkoperator.k8s.io", Kind: "SparkApplication"}:
		return spark, true
	case schema.GroupKind{Group: "opentelemetry.io", Kind: "OpenTelemetryCollector"}:
		return collector, true
	case schema.GroupKind{Group: "k8s.keycloak.org", Kind: "Keycloak"}:
		return keycloak, true
	case schema.GroupKind{Group: "core.spinkube.dev", Kind: "SpinApp"}:
		return spinApp, true
	case schema.GroupKind{Group: "grafana.integreatly.org", Kind: "GrafanaDashboard"}, schema.GroupKind{Group: "grafana.integreatly.org", Kind: "GrafanaFolder"}:
		return grafanaContent, true
	}
	return nil, false
}

func one(kind, want string, of func(subject) *Health) (func(subject) *Health, bool) {
	return of, kind == want
}

// The readers below take a wrong type for nothing: a status may hold anything.

func (s subject) text(path ...string) string    { return plain(s.at(path)) }
func (s subject) list(path ...string) []any     { v, _ := s.at(path).([]any); return v }
func (s subject) number(path ...string) float64 { n, _ := number(s.at(path)); return n }

func subjectOf(object map[string]any) subject {
	s := subject{object: object}
	s.conditions = s.list("status", "conditions")
	return s
}

// within is the subject of one item of a list; nil is none.
func within(item any) subject {
	m, _ := item.(map[string]any)
	list, _ := m["conditions"].([]any)
	return subject{object: m, conditions: list}
}

// status is a condition's.
func (s subject) status(conditionType string) string {
	return plain(s.condition(conditionType)["status"])
}

// says is a condition's message, or else its reason.
func (s subject) says(conditionType string) string {
	c := s.condition(conditionType)
	if m := plain(c["message"]); m != "" {
		return m
	}
	return plain(c["reason"])
}

// observed says that status.observedGeneration is the generation.
func (s subject) observed() bool {
	seen, ok := number(s.at([]string{"status", "observedGeneration"}))
	return ok && seen == s.number("metadata", "generation")
}
