package config

import (
	"errors"
	"strconv"
	"time"

	"github.com/curfew-project/curfew/verifier/settings"
)

// scalar is a value that is written as one word. read says what is wrong with a word so that it can follow it.
type scalar interface{ read(text string) error }

// Length is a length of time with its unit, such as 90s, 20m or 24h; 0 and off are none.
type Length time.Duration

func (l *Length) read(text string) error {
	if text == "false" { // what many tools make of off
		text = settings.Off
	}
	d, err := settings.ParseLength(text)
	*l = Length(d)
	return err
}

// Timeout is a session timeout: a Length, or provider, which leaves it to the identity provider's own policy (A5) and is 0.
type Timeout time.Duration

func (t *Timeout) read(text string) error {
	d, err := settings.ParseTimeout(text)
	*t = Timeout(d)
	return err
}

// Whole is a number without a fraction.
type Whole int

func (n *Whole) read(text string) error {
	number, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("is not a whole number")
	}
	*n = Whole(number)
	return nil
}

func orDefault[L Length | Timeout](from *L, otherwise time.Duration) time.Duration {
	if from == nil {
		return otherwise
	}
	return time.Duration(*from)
}
