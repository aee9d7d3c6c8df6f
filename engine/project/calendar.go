package project

import (
	"fmt"
	"time"
)

// Calendar says when something recurs: it opens by a schedule and stays open for a duration, as sync windows do.
type Calendar struct {
	cron     string
	schedule schedule
	duration time.Duration
	zone     *time.Location
}

// ParseCalendar reads a cron expression of five fields, a duration such as "64h", and the name of a time zone ("" is UTC).
func ParseCalendar(cron string, duration time.Duration, zone string) (Calendar, error) {
	s, err := parseSchedule(cron)
	if err != nil {
		return Calendar{}, err
	}
	if duration <= 0 {
		return Calendar{}, fmt.Errorf("%s %w", duration, errDuration)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Calendar{}, fmt.Errorf("%q is no time zone", zone)
	}
	return Calendar{cron: cron, schedule: s, duration: duration, zone: location}, nil
}

// Open says whether it is open at a time.
func (c Calendar) Open(at time.Time) bool {
	return c.zone != nil && c.schedule.openAt(at.In(c.zone), c.duration)
}

// String is the schedule, the duration and the zone, in words.
func (c Calendar) String() string { return fmt.Sprintf("%q for %s (%s)", c.cron, c.duration, c.zone) }
