package sync

import (
	"fmt"
	"strings"
	"testing"
)

func TestManyReasonsAreNotAllTold(t *testing.T) {
	var tasks []*task
	for i := range 500 {
		tasks = append(tasks, &task{message: fmt.Sprintf("refused %d", i)})
	}
	got := because(messageApply, tasks)
	if !strings.HasPrefix(got, messageApply+", reason: refused 0,refused 1,") || !strings.HasSuffix(got, "refused 19,and 480 more") {
		t.Error(got)
	}
	if got = because(messageApply, tasks[:20]); !strings.HasSuffix(got, "refused 19") {
		t.Error(got)
	}
}
