package engine

import "strings"

// Device is what a user agent says of the browser and what it runs on, as people call them. It is for people to recognise: whoever
// sends a user agent can say anything, so nothing depends on it. Fields that are not known are empty.
type Device struct {
	Browser string // such as Firefox
	System  string // such as Windows
	Kind    DeviceKind
}

// DeviceKind is what somebody holds in their hands.
type DeviceKind string

const (
	Computer DeviceKind = "computer"
	Tablet   DeviceKind = "tablet"
	Phone    DeviceKind = "phone"
)

// mark is a part of a user agent and what it means.
type mark struct{ part, means string }

// browsers are in this order, because nearly all of them say that they are Safari, and most that they are Chrome.
var browsers = [...]mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edge/", "Edge"},
	{"OPR/", "Opera"}, {"OPT/", "Opera"}, {"Opera", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"DuckDuckGo/", "DuckDuckGo"}, {"Ddg/", "DuckDuckGo"},
	{"YaBrowser/", "Yandex Browser"}, {"UCBrowser/", "UC Browser"}, {"HuaweiBrowser/", "Huawei Browser"}, {"MiuiBrowser/", "Mi Browser"},
	{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
	{"Trident/", "Internet Explorer"}, {"MSIE ", "Internet Explorer"},
	{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"},
	{"Safari/", "Safari"},
}

// systems are in this order, because phones name the systems that theirs comes from.
var systems = [...]mark{
	{"Windows Phone", "Windows Phone"}, {"iPhone", "iPhone"}, {"iPod", "iPod"}, {"iPad", "iPad"}, {"HarmonyOS", "HarmonyOS"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
	{"Windows", "Windows"}, {"Macintosh", "macOS"}, {"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"}, {"Linux", "Linux"},
}

// Device reads the user agent. It knows the browsers and systems that people have; of others it says nothing.
func (w Where) Device() Device {
	agent := w.clip().UserAgent
	d := Device{Browser: meaning(browsers[:], agent), System: meaning(systems[:], agent)}
	switch d.System {
	case "":
	case "iPhone", "iPod", "Windows Phone":
		d.Kind = Phone
	case "iPad":
		d.Kind = Tablet
	case "Android", "HarmonyOS":
		// Tablets leave the word out (developer.chrome.com/docs/multidevice/user-agent).
		if d.Kind = Tablet; strings.Contains(agent, "Mobile") {
			d.Kind = Phone
		}
	default:
		d.Kind = Computer
	}
	return d
}

func meaning(marks []mark, in string) string {
	for _, m := range marks {
		if strings.Contains(in, m.part) {
			return m.means
		}
	}
	return ""
}
