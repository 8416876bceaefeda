package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// tryStorybook runs `curfew storybook` at a port that is free, asks it at the address that it prints and at the machine's other
// addresses, and stops it with SIGTERM. It fails unless the command ends with success.
func tryStorybook(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "curfew", "storybook", "--port", "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	fmt.Print(line)
	_, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	answer.Body.Close()
	fmt.Println(answer.StatusCode, answer.Header.Get("Content-Type"))

	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	others, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, other := range others {
		ip, _, err := net.ParseCIDR(other.String())
		if err != nil || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		if connection, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), at.Port()), time.Second); err == nil {
			connection.Close()
			return fmt.Errorf("it answers at %s", ip)
		}
	}
	fmt.Println("elsewhere: refused")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return cmd.Wait()
}
