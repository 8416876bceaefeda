package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// untilReady runs `curfew` with the program's own arguments until it says that it serves, asks healthz, readyz and metrics, and stops it
// with SIGTERM. It fails unless the command ends with success.
func untilReady(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "curfew", os.Args[1:]...)
	log, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		fmt.Println(lines.Text())
		var line struct {
			Msg      string `json:"msg"`
			Operator string `json:"operator_listen"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Msg != "serving" {
			continue
		}
		for _, path := range []string{"healthz", "readyz", "metrics"} {
			answer, err := http.Get("http://" + line.Operator + "/" + path)
			if err != nil {
				return err
			}
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			fmt.Println(path, answer.StatusCode, strings.TrimSpace(string(text)))
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	return cmd.Wait()
}
