package git_test

import (
	"fmt"
	"strings"
	"testing"
)

func demo(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("apps/app%d/templates/file%d.yaml", i/10, i%10)] = strings.Repeat(fmt.Sprintf("key%d: value\n", i), 20)
	}
	return files
}

func BenchmarkReadApplication(b *testing.B) {
	u, r, _ := checkout(b, demo(2000))
	h := u.head()
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			tr := tree(b, r, h)
			for i := range 10 {
				if _, err := tr.ReadFile(fmt.Sprintf("apps/app7/templates/file%d.yaml", i)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		n := 0
		for b.Loop() {
			tr := tree(b, r, h)
			app := fmt.Sprintf("apps/app%d/templates", n%200)
			n++
			if err := tr.Warm(app, 100); err != nil {
				b.Fatal(err)
			}
			if _, err := tr.ReadFile(app + "/file3.yaml"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkTraceHolds(b *testing.B) {
	_, _, tr := checkout(b, demo(2000))
	v := tr.Traced()
	for i := range 10 {
		if _, err := v.ReadFile(fmt.Sprintf("apps/app7/templates/file%d.yaml", i)); err != nil {
			b.Fatal(err)
		}
	}
	trace := v.Trace()
	for b.Loop() {
		if !trace.Holds(tr) {
			b.Fatal("does not hold")
		}
	}
}

func BenchmarkFetchPull(b *testing.B) {
	u := newUpstream(b)
	u.commit("demo", demo(2000))
	u.push("main")
	m := u.mirror()
	fetch(b, m)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		u.commit("change", map[string]string{"apps/app7/templates/file3.yaml": fmt.Sprintf("n: %d\n", n)})
		ref := fmt.Sprintf("refs/pull/%d/head", n)
		u.push("HEAD:" + ref)
		b.StartTimer()
		if err := m.FetchPulls(b.Context(), nil, ref); err != nil {
			b.Fatal(err)
		}
	}
}
