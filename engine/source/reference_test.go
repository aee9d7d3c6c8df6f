package source

import "testing"

func TestWholeReferences(t *testing.T) {
	for short, whole := range map[string]string{
		"nginx":                     "docker.io/library/nginx:latest",
		"nginx:1":                   "docker.io/library/nginx:1",
		"acme/web:1":                "docker.io/acme/web:1",
		"docker.io/nginx":           "docker.io/library/nginx:latest",
		"localhost/web":             "localhost/web:latest",
		"registry:5000/web":         "registry:5000/web:latest",
		"r.example.com/a/b@sha256:": "r.example.com/a/b@sha256:",
		"r.example.com/a/b:1":       "r.example.com/a/b:1",
	} {
		if got := wholeReference(short); got != whole {
			t.Errorf("%s is %s, want %s", short, got, whole)
		}
	}
}
