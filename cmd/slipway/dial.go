package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// gate decides by the resolved address whether a dial may go out. A name that a stranger controls may resolve to anything:
// loopback and link-local addresses (where clouds hand out credentials) are refused unless an operator allows them.
type gate struct{ allowed []netip.Prefix }

// errNotAllowed is in the error of every dial that the gate refuses.
var errNotAllowed = errors.New("is not allowed")

// check takes an address as net.Dialer resolves it, with or without a port.
func (g gate) check(address string) error {
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("dialling %q: not an address", address)
	}
	if ip.Zone() != "" {
		return fmt.Errorf("dialling %s: an address with a zone is of one link only", ip)
	}
	ip = embedded(ip)
	for _, p := range g.allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	if metadata[ip] || thisNetwork.Contains(ip) || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsInterfaceLocalMulticast() {
		return fmt.Errorf("dialling %s %w (--allow-address permits it)", ip, errNotAllowed)
	}
	return nil
}

// metadata are the addresses beyond the link-local ones at which clouds tell a machine its secrets.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true, // AWS
	netip.MustParseAddr("fd20:ce::254"):    true, // Google
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba
	netip.MustParseAddr("168.63.129.16"):   true, // Azure
	netip.MustParseAddr("192.0.0.192"):     true, // Oracle
}

// thisNetwork is what some systems take for the machine itself.
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// translated are prefixes whose addresses hold one of IPv4: NAT64, 6to4 and what is compatible with IPv4, with the place at which it begins.
var translated = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2, netip.MustParsePrefix("::/96"): 12,
}

// embedded is the IPv4 address that an address stands for, or the address itself.
func embedded(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if ip == netip.IPv6Loopback() || ip == netip.IPv6Unspecified() {
		return ip
	}
	for p, at := range translated {
		if p.Contains(ip) {
			b := ip.As16()
			return netip.AddrFrom4([4]byte(b[at : at+4]))
		}
	}
	return ip
}

// dialer makes connections that pass the gate.
func (g gate) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error { return g.check(address) }}
}

// client is for forges: every dial of it passes the gate.
func (g gate) client(roots *x509.CertPool) *http.Client {
	dialer := g.dialer()
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // the standard library's own type
	transport.DialContext = dialer.DialContext
	transport.MaxIdleConnsPerHost = 32
	if roots != nil {
		transport.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// roots are the system's certificates and those of a file; nil without a file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file: %s holds no certificate", file)
	}
	return pool, nil
}
