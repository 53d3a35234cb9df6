"""The CDNOW data: 69,659 real purchases of 23,570 customers of a CD shop, January 1997 to June 1998.

The file is part of the package Lifetimes 0.11.3, which is read as an archive and never installed.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from local_servers import places

REQUIREMENT = "Lifetimes==0.11.3"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
DIRECTORY = places.DOWNLOADS / "cdnow"
SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"

#: What the whole file holds.
PURCHASES, CUSTOMERS, UNITS, CENTS = 69_659, 23_570, 167_881, 250_031_563


class DataError(Exception):
    """Raised when the file is not there or not the one that is known; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """So many CDs that one customer bought on one day for so many cents in all."""

    customer: int
    day: date
    units: int
    cents: int

    @property
    def lines(self) -> tuple[tuple[int, int], ...]:
        """Pairs of a price in cents and the units sold at it: at most two, a cent apart, so that the sum is exact."""
        price, dearer = divmod(self.cents, self.units)
        lines = ((price, self.units - dearer), (price + 1, dearer))
        return tuple(line for line in lines if line[1])


def purchases(directory: Path) -> list[Purchase]:
    """Read all purchases in date order, those of one day as the file has them; raises `DataError`."""
    found = [_purchase(line) for line in _text(_archive(directory)).splitlines()[1:]]
    facts = (len(found), len({one.customer for one in found}), sum(one.units for one in found), total_cents(found))
    if facts != (PURCHASES, CUSTOMERS, UNITS, CENTS):
        raise DataError(f"{MEMBER} holds {facts}, not {(PURCHASES, CUSTOMERS, UNITS, CENTS)}")
    return sorted(found, key=lambda purchase: purchase.day)


def price_points(bought: Iterable[Purchase]) -> list[int]:
    """Return every price in cents at which something was sold, in order."""
    return sorted({price for purchase in bought for price, _ in purchase.lines})


def total_cents(bought: Sequence[Purchase]) -> int:
    """Return what the purchases came to."""
    return sum(purchase.cents for purchase in bought)


def is_downloaded(directory: Path) -> bool:
    """Whether the archive is there."""
    return any(directory.glob("*.whl"))


def _archive(directory: Path) -> Path:
    for archive in directory.glob("*.whl"):
        return archive
    raise DataError(f"{directory} holds no archive of {REQUIREMENT}; the demo downloads it with pip")


def _text(archive: Path) -> str:
    try:
        content = zipfile.ZipFile(archive).read(MEMBER)
    except (zipfile.BadZipFile, KeyError, OSError) as problem:
        raise DataError(f"{archive} cannot be read ({problem}); remove it, and it is downloaded again") from problem
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"{MEMBER} in {archive} is not the known file; remove the archive, and it is downloaded again")
    return content.decode("ascii")


def _purchase(line: str) -> Purchase:
    customer, day, units, dollars = line.split()
    whole, _, hundredths = dollars.partition(".")
    return Purchase(int(customer), date.fromisoformat(day), int(units), int(whole) * 100 + int(f"{hundredths:0<2}"))
