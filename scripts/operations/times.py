"""Moments and spans as operators type and read them. Everything is UTC."""

import argparse
import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span(text: str) -> timedelta:
    """`90s`, `5m`, `2h`, `3d`, `1h30m` -> a timedelta; raises `ArgumentTypeError`."""
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no span such as 90s, 5m, 2h, 1h30m or 3d")
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than time is counted here") from None


def moment(text: str) -> datetime:
    """An ISO 8601 moment, UTC unless it names a zone; raises `ArgumentTypeError`."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-22T18:30:00") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def before(age: timedelta | None) -> datetime | None:
    """The moment that is so long ago; the beginning of time where that lies before it."""
    if age is None:
        return None
    try:
        return datetime.now(UTC) - age
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def seconds_between(earlier: datetime | None, later: datetime | None) -> float | None:
    """Seconds from one moment to another; None where one is unknown."""
    return None if earlier is None or later is None else (later - earlier).total_seconds()


def spoken(seconds: float | None) -> str:
    """0.0314 -> `31 ms`, 75 -> `1m 15s`, 7260 -> `2h 01m`; empty for None."""
    if seconds is None:
        return ""
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    if size < 1:
        return f"{sign}{size * 1000:.0f} ms"
    if size < 60:
        return f"{sign}{size:.1f} s"
    minutes, rest = divmod(round(size), 60)
    if minutes < 60:
        return f"{sign}{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}h {minutes:02}m" if hours < 48 else f"{sign}{hours // 24}d {hours % 24:02}h"
