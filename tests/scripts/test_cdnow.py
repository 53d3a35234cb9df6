"""The real purchases: every one of them becomes an order that comes out to the cent."""

import asyncio
import itertools
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from demonstration import cdnow, setting_up
from demonstration.cdnow import Purchase


@pytest.fixture(scope="module")
def archive() -> Path:
    """The directory with the downloaded archive; the demo keeps it there."""
    asyncio.run(setting_up.download(cdnow.DIRECTORY))
    return cdnow.DIRECTORY


@pytest.fixture(scope="module")
def purchases(archive: Path) -> list[Purchase]:
    """All purchases."""
    return cdnow.purchases(archive)


def test_the_whole_file_is_read(purchases: list[Purchase]) -> None:
    assert len(purchases) == 69_659
    assert len({one.customer for one in purchases}) == 23_570
    assert sum(one.units for one in purchases) == 167_881
    assert cdnow.total_cents(purchases) == 250_031_563
    assert sum(one.cents == 0 for one in purchases) == 80


def test_purchases_are_in_date_order_and_those_of_a_day_in_the_files(purchases: list[Purchase]) -> None:
    assert all(one.day <= other.day for one, other in itertools.pairwise(purchases))
    first_day = [one.customer for one in purchases if one.day == purchases[0].day]
    assert first_day == sorted(first_day)


def test_repeated_purchases_of_a_customer_on_one_day_stay_apart(purchases: list[Purchase]) -> None:
    days = Counter((one.customer, one.day) for one in purchases)
    assert sum(count > 1 for count in days.values()) == 1_774


def test_every_order_comes_out_to_the_cent_and_to_the_unit(purchases: list[Purchase]) -> None:
    for purchase in purchases:
        lines = purchase.lines
        assert sum(price * units for price, units in lines) == purchase.cents
        assert sum(units for _, units in lines) == purchase.units
        assert all(units > 0 for _, units in lines)
        assert len({price for price, _ in lines}) == len(lines) <= 2


def test_the_prices_make_the_catalogue(purchases: list[Purchase]) -> None:
    points = cdnow.price_points(purchases)
    assert len(points) == 3_105
    assert points[0] == 0


def test_a_price_that_does_not_divide_is_two_lines_a_cent_apart(purchases: list[Purchase]) -> None:
    purchase = Purchase(1, purchases[0].day, units=3, cents=1_000)
    assert purchase.lines == ((333, 2), (334, 1))


def test_an_archive_with_another_file_is_refused(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as other:
        other.writestr(cdnow.MEMBER, "customer_id date number_of_cds dollar_value\n1 19970101 1 11.77\n")
    with pytest.raises(cdnow.DataError, match="not the known file"):
        cdnow.purchases(tmp_path)


def test_a_broken_archive_is_named(archive: Path, tmp_path: Path) -> None:
    whole = next(archive.glob("*.whl"))
    shutil.copy(whole, tmp_path)
    broken = tmp_path / whole.name
    broken.write_bytes(broken.read_bytes()[:1000])
    with pytest.raises(cdnow.DataError, match=broken.name):
        cdnow.purchases(tmp_path)
