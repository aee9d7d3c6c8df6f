package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/object"
)

// maxUnpacked is how many bytes a packed chart may unpack to, as in Helm.
const maxUnpacked = 100 << 20

// isPacked says whether a file of a chart is itself a chart.
func isPacked(rel string) bool {
	return strings.HasPrefix(rel, "charts/") && path.Dir(rel) == "charts" && path.Ext(rel) == ".tgz"
}

var drive = regexp.MustCompile(`^[A-Za-z]:`)

// checkArchive refuses a packed chart with entries that want to lie outside of it, or that unpacks to too much. Helm would put
// some of the former inside, in silence. What is no archive at all is left for Helm to say.
func checkArchive(packed []byte, name string) error {
	refuse := func(message string) error {
		return &object.Fault{Place: object.Place{File: name}, Message: message, Hint: "pack the chart again with `helm package`"}
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	bounded := &io.LimitedReader{R: zip, N: maxUnpacked + 1}
	for entries := tar.NewReader(bounded); ; {
		entry, err := entries.Next()
		if bounded.N <= 0 {
			return refuse(fmt.Sprintf("the packed chart is larger than %d MiB when it is unpacked", maxUnpacked>>20))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refuse("the packed chart cannot be read: " + err.Error())
		}
		if at := strings.ReplaceAll(entry.Name, `\`, "/"); path.IsAbs(at) || drive.MatchString(at) {
			return refuse(fmt.Sprintf("the packed chart holds a file with an absolute path, %q", entry.Name))
		} else if slices.Contains(strings.Split(at, "/"), "..") {
			return refuse(fmt.Sprintf("the packed chart holds a file that lies outside of it, %q", entry.Name))
		}
	}
}
