"""Expands files with recurring_ical_events. Arguments: from, to (years), then files. Output lines: index|start|end|uid, or index|ERROR and why."""
import sys
import warnings
from datetime import datetime, timedelta, timezone

import icalendar
import recurring_ical_events

warnings.filterwarnings("ignore")
FORMAT = "%Y%m%dT%H%M%SZ"


def utc(value):
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def events(path, since, until):
    for calendar in icalendar.Calendar.from_ical(open(path, "rb").read(), multiple=True):
        # The library stops at the first event without DTSTART.
        calendar.subcomponents = [c for c in calendar.subcomponents if c.name != "VEVENT" or "DTSTART" in c]
        for event in recurring_ical_events.of(calendar).between(since, until):
            start, end = event["DTSTART"].dt, event["DTEND"].dt
            if start == end and not isinstance(start, datetime):
                end = start + timedelta(days=1)
            start, end = utc(start), utc(end)
            # Its windows are inclusive at both ends.
            if start < until and (end > since or start >= since):
                yield start, end, str(event.get("UID", ""))


since, until = (datetime(int(year), 1, 1, tzinfo=timezone.utc) for year in sys.argv[1:3])
for index, path in enumerate(sys.argv[3:]):
    try:
        for start, end, uid in list(events(path, since, until)):
            print(f"{index}|{start.strftime(FORMAT)}|{end.strftime(FORMAT)}|{uid}")
    except Exception as error:
        print(f"{index}|ERROR {type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}")
