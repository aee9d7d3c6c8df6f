package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		object string
		want   []string
	}{
		"an Ingress with a certificate": {`{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {tls: [{hosts: [a.example.com]}], rules: [{host: a.example.com}, {host: b.example.com}, {host: "*.example.com"}]}}`,
			[]string{"https://a.example.com/", "http://b.example.com/"}},
		"an Ingress without a name": {`{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{http: {}}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}}`,
			[]string{"http://192.0.2.7/"}},
		"a link": {`{apiVersion: v1, kind: ConfigMap, metadata: {annotations: {link.argocd.argoproj.io/docs: "Docs|https://docs.example.com", link.argocd.argoproj.io/bad: "javascript:alert(1)"}}}`,
			[]string{"https://docs.example.com"}},
		"a Service that waits for its address": {`{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 80}]}}`, nil},
		"a Service": {`{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 80}, {port: 443}, {port: 8080, name: http-admin}, {port: 5432, name: db}]}, status: {loadBalancer: {ingress: [{hostname: lb.example.com, ip: 192.0.2.7}]}}}`,
			[]string{"http://lb.example.com/", "https://lb.example.com/", "http://lb.example.com:8080/"}},
		"a Service of IPv6":       {`{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: "2001:db8::1"}]}}}`, []string{"http://[2001:db8::1]/"}},
		"a Service of the inside": {`{apiVersion: v1, kind: Service, spec: {type: ClusterIP, ports: [{port: 80}]}}`, nil},
		"a route":                 {`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, spec: {hostnames: [a.example.com, "*.b.example.com"], parentRefs: [{name: g, sectionName: https}]}}`, []string{"https://a.example.com/"}},
		"a Gateway": {`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, spec: {listeners: [{protocol: HTTPS, port: 443, hostname: a.example.com}, {protocol: HTTP, port: 8000}, {protocol: TCP, port: 22}]}, status: {addresses: [{value: 192.0.2.7}]}}`,
			[]string{"https://a.example.com/", "http://192.0.2.7:8000/"}},
		"none, as its annotation says": {`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {annotations: {argocd.argoproj.io/ignore-default-links: "true"}}, spec: {rules: [{host: a.example.com}]}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			u := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(c.object), &u.Object); err != nil {
				t.Fatal(err)
			}
			// Numbers of an API server's JSON are whole ones.
			raw, err := u.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if u.Object["metadata"] == nil {
				u.Object["metadata"] = map[string]any{}
			}
			if err := u.UnmarshalJSON(raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, addresses(u)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
