package clinic

import (
	"math"
	"slices"
	"strings"
	"time"
)

// patient is a record. The people are invented.
type patient struct {
	ID, Name, Reason, Room string
	Born                   time.Time
	Allergies              []string
	Conditions             []string
	Medicines              []medicine
	NextVisit              time.Time
	Pulse, Saturation      int
	Temperature            string // degrees Celsius
	Readings               []reading
}

type medicine struct{ Name, Dose string }

// reading is a blood pressure in mmHg.
type reading struct {
	At                  time.Time
	Systolic, Diastolic int
}

// level puts a blood pressure in words, after the bands of the European Society
// of Cardiology's guideline of 2024: elevated from 120/70, high from 140/90.
func (r reading) level() string {
	switch {
	case r.Systolic >= 140 || r.Diastolic >= 90:
		return "High"
	case r.Systolic >= 120 || r.Diastolic >= 70:
		return "Elevated"
	}
	return "Normal"
}

func (p patient) latest() reading { return p.Readings[len(p.Readings)-1] }

// age is in completed years.
func (p patient) age(now time.Time) int {
	years := now.Year() - p.Born.Year()
	if now.Month() < p.Born.Month() || now.Month() == p.Born.Month() && now.Day() < p.Born.Day() {
		years--
	}
	return years
}

// initials are the first letters of the first and the last name.
func (p patient) initials() string {
	words := strings.Fields(p.Name)
	return string([]rune(words[0])[:1]) + string([]rune(words[len(words)-1])[:1])
}

func (p patient) matches(query string) bool {
	query = strings.ToLower(strings.TrimSpace(query))
	return strings.Contains(strings.ToLower(p.Name+" "+p.ID+" "+p.Reason), query)
}

func (c *clinic) patientByID(id string) (patient, bool) {
	i := slices.IndexFunc(c.patients, func(p patient) bool { return p.ID == id })
	if i < 0 {
		return patient{}, false
	}
	return c.patients[i], true
}

// daysOfReadings is how far the charts reach back.
const daysOfReadings = 30

// pressures makes one reading a day up to now, from a base that drifts by trend
// over the month. The wobble is a sum of sines: the same every time.
func pressures(now time.Time, systolic, diastolic, trend float64, seed int) []reading {
	out := make([]reading, daysOfReadings)
	for i := range out {
		day := float64(i)
		wobble := 4*math.Sin(day*1.7+float64(seed)) + 2.5*math.Sin(day*0.61+2*float64(seed)) + 2*math.Sin(day*3.1)
		drift := trend * day / (daysOfReadings - 1)
		at := now.AddDate(0, 0, i-daysOfReadings+1)
		out[i] = reading{
			At:        time.Date(at.Year(), at.Month(), at.Day(), 7, 30+(i*7+seed)%25, 0, 0, now.Location()),
			Systolic:  int(math.Round(systolic + drift + wobble)),
			Diastolic: int(math.Round(diastolic + 0.5*drift + 0.55*wobble + 1.2*math.Sin(day*2.3))),
		}
	}
	return out
}

// fictionalPatients is the clinic's stock, with visits set around now.
func fictionalPatients(now time.Time) []patient {
	born := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	visit := func(days, hour, minute int) time.Time {
		at := now.AddDate(0, 0, days)
		return time.Date(at.Year(), at.Month(), at.Day(), hour, minute, 0, 0, now.Location())
	}
	return []patient{
		{
			ID: "FH-1042", Name: "Juniper Applewhite", Born: born(1958, time.April, 17), Reason: "High blood pressure", Room: "Room 4",
			Allergies: []string{"Penicillin"}, Conditions: []string{"Hypertension, stage 1", "Type 2 diabetes", "Knee replacement, left"},
			Medicines: []medicine{{"Ramipril", "5 mg, once a day"}, {"Metformin", "500 mg, twice a day"}},
			NextVisit: visit(1, 9, 15), Pulse: 74, Saturation: 97, Temperature: "36.7", Readings: pressures(now, 154, 93, -9, 1),
		},
		{
			ID: "FH-1057", Name: "Barnaby Quillfeather", Born: born(1971, time.November, 2), Reason: "Chest pain, follow-up", Room: "Room 2",
			Conditions: []string{"Stable angina", "Raised cholesterol"},
			Medicines:  []medicine{{"Bisoprolol", "2.5 mg, once a day"}, {"Atorvastatin", "40 mg, at night"}},
			NextVisit:  visit(2, 14, 0), Pulse: 62, Saturation: 98, Temperature: "36.5", Readings: pressures(now, 131, 82, -3, 4),
		},
		{
			ID: "FH-1063", Name: "Ottoline Marrow", Born: born(1990, time.January, 25), Reason: "Pregnancy, week 28", Room: "Room 1",
			Allergies: []string{"Latex"}, Conditions: []string{"First pregnancy", "Mild anaemia"},
			Medicines: []medicine{{"Iron sulphate", "200 mg, once a day"}, {"Folic acid", "400 µg, once a day"}},
			NextVisit: visit(0, 16, 30), Pulse: 88, Saturation: 99, Temperature: "36.9", Readings: pressures(now, 103, 58, 5, 2),
		},
		{
			ID: "FH-1079", Name: "Caspian Thimble", Born: born(2003, time.August, 9), Reason: "Asthma review", Room: "Room 3",
			Allergies: []string{"Cat hair", "Ibuprofen"}, Conditions: []string{"Asthma, moderate"},
			Medicines: []medicine{{"Budesonide inhaler", "200 µg, twice a day"}, {"Salbutamol inhaler", "when needed"}},
			NextVisit: visit(9, 11, 45), Pulse: 70, Saturation: 96, Temperature: "36.4", Readings: pressures(now, 112, 63, 0, 7),
		},
		{
			ID: "FH-1084", Name: "Marigold Fennimore", Born: born(1946, time.June, 30), Reason: "Heart rhythm", Room: "Room 4",
			Allergies: []string{"Sulfonamides"}, Conditions: []string{"Atrial fibrillation", "Hypertension, stage 2", "Glaucoma"},
			Medicines: []medicine{{"Apixaban", "5 mg, twice a day"}, {"Amlodipine", "10 mg, once a day"}, {"Latanoprost", "1 drop, at night"}},
			NextVisit: visit(3, 8, 45), Pulse: 91, Saturation: 95, Temperature: "36.6", Readings: pressures(now, 150, 88, 9, 3),
		},
		{
			ID: "FH-1090", Name: "Ignatius Plumb", Born: born(1982, time.December, 12), Reason: "Yearly check-up", Room: "Room 2",
			Conditions: []string{"Seasonal allergy"}, Medicines: []medicine{{"Cetirizine", "10 mg, when needed"}},
			NextVisit: visit(16, 10, 0), Pulse: 66, Saturation: 99, Temperature: "36.6", Readings: pressures(now, 119, 72, 2, 5),
		},
		{
			ID: "FH-1101", Name: "Saffron Oakhollow", Born: born(1965, time.March, 3), Reason: "After stroke, month 4", Room: "Room 1",
			Allergies: []string{"Aspirin"}, Conditions: []string{"Ischaemic stroke", "Hypertension, stage 1"},
			Medicines: []medicine{{"Clopidogrel", "75 mg, once a day"}, {"Perindopril", "4 mg, once a day"}},
			NextVisit: visit(5, 13, 15), Pulse: 72, Saturation: 97, Temperature: "36.8", Readings: pressures(now, 146, 87, -13, 6),
		},
		{
			ID: "FH-1115", Name: "Percival Mossbank", Born: born(1999, time.October, 21), Reason: "Broken wrist", Room: "Room 3",
			Conditions: []string{"Fracture of the radius, right"}, Medicines: []medicine{{"Paracetamol", "1 g, when needed"}},
			NextVisit: visit(12, 15, 30), Pulse: 68, Saturation: 98, Temperature: "36.5", Readings: pressures(now, 110, 61, -3, 8),
		},
	}
}
