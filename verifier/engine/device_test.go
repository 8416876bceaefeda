package engine_test

import (
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/engine"
)

// B6: user agents as browsers send them today, and what is none.
func TestB6_UserAgentsInWords(t *testing.T) {
	const webkit = " AppleWebKit/537.36 (KHTML, like Gecko) "
	for agent, want := range map[string]engine.Device{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0":             {Browser: "Firefox", System: "Windows", Kind: engine.Computer},
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                       {Browser: "Firefox", System: "Linux", Kind: engine.Computer},
		"Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0":                         {Browser: "Firefox", System: "Android", Kind: engine.Phone},
		"Mozilla/5.0 (Android 14; Tablet; rv:132.0) Gecko/132.0 Firefox/132.0":                         {Browser: "Firefox", System: "Android", Kind: engine.Tablet},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + webkit + "Chrome/130.0.0.0 Safari/537.36":        {Browser: "Chrome", System: "Windows", Kind: engine.Computer},
		"Mozilla/5.0 (X11; Linux x86_64)" + webkit + "HeadlessChrome/130.0.0.0 Safari/537.36":          {Browser: "Chrome", System: "Linux", Kind: engine.Computer},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)" + webkit + "Chrome/130.0.0.0 Safari/537.36":         {Browser: "Chrome", System: "ChromeOS", Kind: engine.Computer},
		"Mozilla/5.0 (Linux; Android 10; K)" + webkit + "Chrome/130.0.0.0 Mobile Safari/537.36":        {Browser: "Chrome", System: "Android", Kind: engine.Phone},
		"Mozilla/5.0 (Linux; Android 10; K)" + webkit + "Chrome/130.0.0.0 Safari/537.36":               {Browser: "Chrome", System: "Android", Kind: engine.Tablet},
		"Mozilla/5.0 (Windows NT 10.0)" + webkit + "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":      {Browser: "Edge", System: "Windows", Kind: engine.Computer},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)" + webkit + "Chrome/130 Safari/537 OPR/115":   {Browser: "Opera", System: "macOS", Kind: engine.Computer},
		"Mozilla/5.0 (Linux; Android 14; SM-S921B)" + webkit + "SamsungBrowser/26 Chrome/122 Mobile":   {Browser: "Samsung Internet", System: "Android", Kind: engine.Phone},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18.1 Safari/605.1.15": {Browser: "Safari", System: "macOS", Kind: engine.Computer},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604": {Browser: "Safari", System: "iPhone", Kind: engine.Phone},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) CriOS/130 Mobile/15E148 Safari/604.1":  {Browser: "Chrome", System: "iPhone", Kind: engine.Phone},
		"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) FxiOS/132.0 Mobile/15E148 Safari/605.1.15":      {Browser: "Firefox", System: "iPad", Kind: engine.Tablet},
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                        {Browser: "Internet Explorer", System: "Windows", Kind: engine.Computer},
		"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1)" + webkit + "Chrome/52 Mobile Edge/15":        {Browser: "Edge", System: "Windows Phone", Kind: engine.Phone},
		"curl/8.10.1":                         {},
		"":                                    {},
		"<script>alert(1)</script> Firefox/1": {Browser: "Firefox"},
		strings.Repeat("x", engine.MaxUserAgent) + "Firefox/ Windows": {},
		"\xff\x00Windows": {System: "Windows", Kind: engine.Computer},
	} {
		if got := (engine.Where{UserAgent: agent}).Device(); got != want {
			t.Errorf("%.100q is %+v, want %+v", agent, got, want)
		}
	}
}
