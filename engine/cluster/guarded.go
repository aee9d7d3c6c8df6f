package cluster

import (
	"fmt"
	"io"
	"net/http"
)

// mostAnswered is the largest answer of a server that is read, in bytes, once it is unpacked. A page of a list has 500 objects at most, and an
// object about a megabyte; events of a watch are bounded one by one.
const mostAnswered = 256 << 20

// guarded takes answers of a server that may be anybody's: who runs one cluster is not to lead us elsewhere with what we can reach, nor to fill our
// memory, which serves the others.
func guarded(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err != nil {
			return response, err
		}
		if location := response.Header.Get("Location"); location != "" && response.StatusCode/100 == 3 {
			_ = response.Body.Close()
			return nil, fmt.Errorf("the server answers %s and sends us elsewhere, where an API server would answer itself; its address is to be that of the API server",
				response.Status)
		}
		if r.URL.Query().Get("watch") != "true" && response.StatusCode != http.StatusSwitchingProtocols {
			response.Body = &bounded{ReadCloser: response.Body, left: mostAnswered}
		}
		return response, nil
	})
}

// bounded is an answer that ends with an error once it is too large.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the server's answer has more than %d MiB", mostAnswered>>20)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
