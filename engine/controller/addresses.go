package controller

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// addresses are the URLs at which an object says that it answers: its links, and for an Ingress, a Gateway, an HTTPRoute or a Service of
// type LoadBalancer where it can be reached. Argo CD knows those of Ingresses only.
func addresses(u *unstructured.Unstructured) []string {
	urls := links(u)
	if u.GetAnnotations()["argocd.argoproj.io/ignore-default-links"] == "true" {
		return urls
	}
	switch gk := u.GroupVersionKind().GroupKind(); gk.String() {
	case "Ingress.networking.k8s.io", "Ingress.extensions":
		return append(urls, ofIngress(u.Object)...)
	case "HTTPRoute.gateway.networking.k8s.io":
		return append(urls, ofRoute(u.Object)...)
	case "Gateway.gateway.networking.k8s.io":
		return append(urls, ofGateway(u.Object)...)
	case "Service":
		return append(urls, ofService(u.Object)...)
	}
	return urls
}

// links are the annotations that Argo CD shows beside a resource: a URL, or a title, a bar and a URL.
func links(u *unstructured.Unstructured) []string {
	var urls []string
	for k, v := range u.GetAnnotations() {
		if !strings.HasPrefix(k, "link.argocd.argoproj.io/") {
			continue
		}
		if _, url, titled := strings.Cut(v, "|"); titled {
			v = url
		}
		if strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://") {
			urls = append(urls, v)
		}
	}
	return urls
}

func ofIngress(o map[string]any) []string {
	var urls []string
	secure := map[string]bool{}
	for _, c := range objectsIn(o, "spec", "tls") {
		hosts, _, _ := unstructured.NestedStringSlice(c, "hosts")
		for _, h := range hosts {
			secure[h] = true
		}
	}
	for _, rule := range objectsIn(o, "spec", "rules") {
		host, _, _ := unstructured.NestedString(rule, "host")
		switch {
		case strings.Contains(host, "*"):
		case host != "":
			urls = append(urls, scheme(secure[host])+"://"+host+"/")
		default: // whatever the name, it answers at the balancer's address
			for _, at := range balancers(o) {
				urls = append(urls, scheme(len(secure) > 0)+"://"+at+"/")
			}
		}
	}
	return urls
}

// ofRoute are the names that a route is for. Whether they are served securely its Gateway says: here the name of the listener has to do.
func ofRoute(o map[string]any) []string {
	secure := false
	for _, parent := range objectsIn(o, "spec", "parentRefs") {
		section, _, _ := unstructured.NestedString(parent, "sectionName")
		port, _, _ := unstructured.NestedInt64(parent, "port")
		secure = secure || strings.Contains(section, "https") || strings.Contains(section, "tls") || port == 443
	}
	var urls []string
	names, _, _ := unstructured.NestedStringSlice(o, "spec", "hostnames")
	for _, name := range names {
		if !strings.Contains(name, "*") {
			urls = append(urls, scheme(secure)+"://"+name+"/")
		}
	}
	return urls
}

func ofGateway(o map[string]any) []string {
	var at []string
	for _, a := range objectsIn(o, "status", "addresses") {
		if value, _, _ := unstructured.NestedString(a, "value"); value != "" {
			at = append(at, value)
		}
	}
	var urls []string
	for _, l := range objectsIn(o, "spec", "listeners") {
		protocol, _, _ := unstructured.NestedString(l, "protocol")
		port, _, _ := unstructured.NestedInt64(l, "port")
		name, _, _ := unstructured.NestedString(l, "hostname")
		if protocol != "HTTP" && protocol != "HTTPS" || strings.Contains(name, "*") {
			continue
		}
		hosts := at
		if name != "" {
			hosts = []string{name}
		}
		for _, h := range hosts {
			urls = append(urls, atPort(h, port, protocol == "HTTPS"))
		}
	}
	return urls
}

func ofService(o map[string]any) []string {
	if kind, _, _ := unstructured.NestedString(o, "spec", "type"); kind != "LoadBalancer" {
		return nil
	}
	var urls []string
	for _, p := range objectsIn(o, "spec", "ports") {
		port, _, _ := unstructured.NestedInt64(p, "port")
		protocol, _, _ := unstructured.NestedString(p, "protocol")
		name, _, _ := unstructured.NestedString(p, "name")
		app, _, _ := unstructured.NestedString(p, "appProtocol")
		web := port == 80 || port == 443 || strings.HasPrefix(name, "http") || strings.HasPrefix(app, "http") || strings.HasPrefix(app, "kubernetes.io/h2c")
		if !web || protocol != "" && protocol != "TCP" {
			continue // a database answers no browser
		}
		for _, at := range balancers(o) {
			urls = append(urls, atPort(at, port, port == 443 || strings.HasPrefix(name, "https")))
		}
	}
	return urls
}

// balancers are the addresses that a load balancer has given an Ingress or Service.
func balancers(o map[string]any) []string {
	var all []string
	for _, i := range objectsIn(o, "status", "loadBalancer", "ingress") {
		for _, key := range []string{"hostname", "ip"} {
			if at, _, _ := unstructured.NestedString(i, key); at != "" {
				all = append(all, at)
				break
			}
		}
	}
	slices.Sort(all)
	return all
}

func atPort(host string, port int64, secure bool) string {
	if port != 0 && !(secure && port == 443) && !(!secure && port == 80) {
		host = net.JoinHostPort(host, fmt.Sprint(port))
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return scheme(secure) + "://" + host + "/"
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// objectsIn are the items of a list that are objects.
func objectsIn(o map[string]any, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedSlice(o, path...)
	var all []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}
