package git

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// noSSH is what commands without a remote have for ssh: nothing that could be spoken with.
const noSSH = "false"

// sshCommand reads its configuration from the folder in which it runs, so that no path has to pass a shell.
const sshCommand = "ssh -F ssh_config"

// sshOptions hold for every conversation. Nothing of the machine's own is used: no agent, no keys, no hosts, no configuration.
var sshOptions = []string{
	"BatchMode yes", "LogLevel ERROR", "ConnectTimeout 30", "ServerAliveInterval 15", "ServerAliveCountMax 4",
	"PreferredAuthentications publickey", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "HostbasedAuthentication no",
	"GSSAPIAuthentication no", "IdentitiesOnly yes", "IdentityAgent none", "ForwardAgent no", "ForwardX11 no", "ClearAllForwardings yes",
	"ProxyCommand none", "ProxyJump none", "ControlMaster no", "ControlPath none", "PermitLocalCommand no", "CanonicalizeHostname no",
	"UpdateHostKeys no", "VerifyHostKeyDNS no", "GlobalKnownHostsFile " + os.DevNull,
}

// ssh has the command speak SSH: with the key and the hosts given, and to the addresses allowed.
func (l *connection) ssh(ctx context.Context, c *command) error {
	if l.login.Proxy != "" {
		return fmt.Errorf("talking to %s: %w: SSH does not go through a proxy here; use the repository's https URL", l.remote.host, ErrRefused)
	}
	options := append([]string(nil), sshOptions...)
	if l.login.AnyHostKey {
		options = append(options, "StrictHostKeyChecking no", "UserKnownHostsFile "+os.DevNull)
	} else {
		options = append(options, "StrictHostKeyChecking yes", "UserKnownHostsFile known_hosts", "HostKeyAlias "+l.remote.keyName())
		if _, err := l.file("known_hosts", unixLines(l.trust.KnownHosts)); err != nil {
			return err
		}
	}
	if l.login.SSHKey == "" {
		options = append(options, "IdentityFile none")
	} else {
		options = append(options, "IdentityFile key")
		if _, err := l.file("key", unixLines(l.login.SSHKey)); err != nil {
			return err
		}
	}
	if l.opt.AllowedHosts != nil {
		ips, err := l.remote.addresses(ctx, l.opt.AllowedHosts)
		if err != nil {
			return err
		}
		if len(ips) > 0 {
			options = append(options, "HostName "+reachable(ctx, ips, l.remote.port))
		}
	}
	if _, err := l.file("ssh_config", strings.Join(options, "\n")+"\n"); err != nil {
		return err
	}
	c.env = append(c.env, "GIT_SSH_COMMAND="+sshCommand, "GIT_SSH_VARIANT=ssh")
	return nil
}

// keyName is the name under which known_hosts has the remote.
func (r remote) keyName() string {
	if r.port == "22" {
		return r.host
	}
	return "[" + r.host + "]:" + r.port
}

// unixLines is text as ssh reads it: it takes no carriage returns, and no key without a line's end.
func unixLines(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) + "\n"
}

// reachable is the first address that takes a connection: ssh is given one only. If none does, ssh is left to say why.
func reachable(ctx context.Context, ips []string, port string) string {
	if len(ips) == 1 {
		return ips[0]
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	for _, ip := range ips {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip, port))
		if err == nil {
			_ = conn.Close()
			return ip
		}
	}
	return ips[0]
}
