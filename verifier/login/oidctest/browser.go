package oidctest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
)

// Browser is one person's browser. It remembers the provider's cookies, so the person stays signed in there. It is for one goroutine.
type Browser struct {
	client *http.Client
}

// NewBrowser returns a browser without cookies.
func NewBrowser() *Browser {
	return &Browser{client: &http.Client{
		Jar:           newJar(),
		Transport:     &http.Transport{}, // its own connections, and no proxy
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ErrSignIn means that the provider did not take the user name and the password.
var ErrSignIn = errors.New("the provider did not sign the person in")

// Authorize opens an authorization request and signs the person in if the provider asks for it. It returns the address that the
// provider then sends the browser to, which it does not open, and whether the password was asked for.
func Authorize(t testing.TB, b *Browser, authURL, username, password string) (callback string, asked bool) {
	t.Helper()
	callback, asked, err := b.Authorize(authURL, username, password)
	if err != nil {
		t.Fatal(err)
	}
	return callback, asked
}

// Authorize is the function Authorize for a sign-in that may fail, which is ErrSignIn if the provider refused the person.
func (b *Browser) Authorize(authURL, username, password string) (callback string, asked bool, err error) {
	callback, err = b.walk(authURL, func(f *form) error {
		if !f.password {
			return nil
		}
		if asked {
			return fmt.Errorf("%w: %s", ErrSignIn, f.alert)
		}
		asked = true
		f.fields.Set("username", username)
		f.fields.Set("password", password)
		return nil
	})
	return callback, asked, err
}

// Cancel opens an authorization request and presses "Cancel" in the sign-in form. It returns where the provider sends the browser then.
func Cancel(t testing.TB, b *Browser, authURL string) (callback string) {
	t.Helper()
	callback, err := b.walk(authURL, func(f *form) error {
		if f.password {
			f.fields.Set("do", "cancel")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return callback
}

// Logout opens an end-session address and confirms whatever the provider asks. It returns the address that the provider sends the browser
// to, which it does not open, or that of the provider's own last page.
func Logout(t testing.TB, b *Browser, endSessionURL string) (location string) {
	t.Helper()
	location, err := b.walk(endSessionURL, func(*form) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// walk opens an address, follows redirects, and submits the form of each page after fill has filled it in, until it is led to another
// origin or comes to a page without a form.
func (b *Browser) walk(start string, fill func(*form) error) (string, error) {
	request, err := http.NewRequest(http.MethodGet, start, nil)
	if err != nil {
		return "", err
	}
	home := *request.URL
	for range 20 {
		next, err := b.step(request, fill)
		if err != nil {
			return "", err
		}
		if next == nil {
			return request.URL.String(), nil
		}
		if next.URL.Scheme != home.Scheme || next.URL.Host != home.Host {
			if next.Method != http.MethodGet {
				return "", fmt.Errorf("%s would send a form to %s", request.URL, next.URL)
			}
			return next.URL.String(), nil
		}
		request = next
	}
	return "", fmt.Errorf("%s leads in circles", start)
}

// step sends a request and returns the next one, or none at a page without a form.
func (b *Browser) step(request *http.Request, fill func(*form) error) (*http.Request, error) {
	request.Header.Set("Accept", "text/html")
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 3 {
		to, err := response.Location()
		if err != nil {
			return nil, fmt.Errorf("%s leads nowhere: %w", request.URL, err)
		}
		return http.NewRequest(http.MethodGet, to.String(), nil)
	}
	page, ok := readForm(string(text))
	if !ok {
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answered %d: %s", request.URL, response.StatusCode, text)
		}
		return nil, nil
	}
	if err := fill(page); err != nil {
		return nil, err
	}
	to, err := request.URL.Parse(page.action)
	if err != nil {
		return nil, fmt.Errorf("%s has a form for nowhere: %w", request.URL, err)
	}
	next, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(page.fields.Encode()))
	if err == nil {
		next.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return next, err
}

// Forget drops all cookies, as if the person had cleared them.
func (b *Browser) Forget() { b.client.Jar = newJar() }

func newJar() http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it never fails without options
	}
	return jar
}
