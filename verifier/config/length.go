package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Length is a length of time with its unit, such as 90s, 20m or 24h; 0 and off are none.
type Length time.Duration

// UnmarshalYAML reads a length.
func (l *Length) UnmarshalYAML(node ast.Node) error {
	value := scalar(node)
	if value == "0" || value == "off" || value == "false" { // YAML reads off as false
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return misplaced(node, "is not a length of time: write a number and its unit, such as 90s, 20m or 24h")
	}
	*l = Length(d)
	return nil
}

// Timeout is a session timeout: a Length, or provider, which leaves it to the identity provider's own policy (A5) and is 0.
type Timeout time.Duration

// UnmarshalYAML reads a session timeout. Sessions cannot be without any end, so off is none.
func (t *Timeout) UnmarshalYAML(node ast.Node) error {
	value := scalar(node)
	if value == "0" || value == "provider" {
		*t = 0
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return misplaced(node, "is no session timeout: write a number and its unit, such as 12h, or provider to let the identity provider decide")
	}
	*t = Timeout(d)
	return nil
}

// Whole is a number without a fraction.
type Whole int

// UnmarshalYAML reads a whole number.
func (n *Whole) UnmarshalYAML(node ast.Node) error {
	number, err := strconv.Atoi(scalar(node))
	if err != nil {
		return misplaced(node, "is not a whole number")
	}
	*n = Whole(number)
	return nil
}

// scalar is what the file says at a place, without quotes.
func scalar(node ast.Node) string { return node.GetToken().Value }

// misplaced says what is wrong with the value at a place, and where that is.
func misplaced(node ast.Node, what string) error {
	at := node.GetToken().Position
	return fmt.Errorf("[%d:%d] %s: %q %s", at.Line, at.Column, strings.TrimPrefix(node.GetPath(), "$."), scalar(node), what)
}

func orDefault[L Length | Timeout](from *L, otherwise time.Duration) time.Duration {
	if from == nil {
		return otherwise
	}
	return time.Duration(*from)
}
