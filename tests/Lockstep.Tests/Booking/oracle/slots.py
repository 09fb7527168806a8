"""Which times are free, minute by minute and without a line of ours. One question a line of standard input (JSON), one answer a line (JSON)."""
import json
import sys
import warnings
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

warnings.filterwarnings("ignore")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def instant(value, zone):
    """Whole days are the owner's, and so are times without a zone."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(timezone.utc)


def first(value):
    """An hour that the clock shows twice is the first of the two (RFC 5545 section 3.3.5); the library's zones, pytz, take the second."""
    name = getattr(getattr(value, "tzinfo", None), "zone", None)
    return value.replace(tzinfo=ZoneInfo(name), fold=0) if name else value


def busy(resources, since, until, zone):
    for text in resources:
        for event in recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(since, until):
            if str(event.get("STATUS", "")) == "CANCELLED" or str(event.get("TRANSP", "")) == "TRANSPARENT":
                continue
            start, end = event["DTSTART"].dt, event["DTEND"].dt
            if not isinstance(start, datetime) and end <= start:
                end = start + DAY
            late = instant(start, zone) - instant(first(start), zone)
            yield instant(start, zone) - late, instant(end, zone) - late


def pieces(ranges, since, until, zone):
    """Stretches of minutes at which the clock on the wall stands in one range of one day."""
    for rule in ranges:
        at, piece, first = since, None, True
        while at <= until:
            wall = at.astimezone(zone)
            minute = wall.hour * 60 + wall.minute
            opened = at < until and wall.isoweekday() in rule["days"] and rule["start"] <= minute < rule["end"]
            key = wall.date() if opened else None
            if piece and (key != piece[0]):
                yield piece[1], at
                piece = None
            # What was open already when the looking began has its beginning elsewhere.
            if opened and not piece and not first:
                piece = (key, at)
            first = first and opened
            at += MINUTE


def answer(question):
    zone = ZoneInfo(question["zone"])
    since, until, now = (datetime.fromisoformat(question[name]) for name in ("from", "to", "now"))
    length, step, before, after, notice = (question[name] * MINUTE for name in ("length", "step", "before", "after", "notice"))
    taken = [pair for pair in busy(question["events"], since - 3 * DAY, until + 3 * DAY, zone) if pair[1] > pair[0]]
    last = now.astimezone(zone).date() + question["horizon"] * DAY
    found = []
    for opened, closed in pieces(question["ranges"], since - 2 * DAY, until, zone):
        start = opened
        while start + length <= closed:
            end = start + length
            if (
                start >= since and end <= until and start >= now + notice and start.astimezone(zone).date() <= last
                and not any(b < end + after and e > start - before for b, e in taken)
            ):
                found.append(start)
            start += step
    return [start.strftime("%Y-%m-%dT%H:%M:%SZ") for start in sorted(found)]


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
