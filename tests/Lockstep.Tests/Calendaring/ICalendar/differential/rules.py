"""Expands rules with dateutil. Input lines: dtstart|rule|days to look at. Output lines: dtstart|starts, or `-` for a rule that is not comparable.

dateutil leaves DTSTART out where the rule does not hit it, so the first hit becomes DTSTART.
"""
import signal
import sys
from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

FORMAT = "%Y%m%dT%H%M%SZ"
LAST = datetime(2031, 1, 1)


class TooSlow(Exception):
    pass


armed = False


def too_slow(*_):
    # Its signal may come late, when another rule is at work or none.
    if armed:
        raise TooSlow


def expand(start, rule, days):
    rule = rule.replace("Z;", ";").removesuffix("Z")
    first = next(iter(rrulestr(rule, dtstart=start)), None)
    if first is None or first > LAST:
        return None
    starts = []
    for at in rrulestr(rule, dtstart=first):
        if at >= min(first + timedelta(days=days), LAST) or len(starts) == 200:
            break
        starts.append(at)
    return [first, *starts] if starts and starts[0] == first else None


def within_limit(text, rule, days):
    global armed
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)
            return expand(datetime.strptime(text, FORMAT), rule, int(days))
        except (ValueError, IndexError):
            return None
        finally:
            armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except TooSlow:
        armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return None


# Processor time: what is too slow does not depend on what else the machine does.
signal.signal(signal.SIGVTALRM, too_slow)
for line in sys.stdin:
    found = within_limit(*line.strip().split("|"))
    print("-" if found is None else found[0].strftime(FORMAT) + "|" + " ".join(at.strftime(FORMAT) for at in found[1:]))
