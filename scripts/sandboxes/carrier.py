"""The sandbox carrier: a parcel carrier's booking desk on loopback, whose faults can be switched.

POST /v1/shipments         array of bookings -> array of outcomes; idempotent for ever by reference; a parcel to a
                           postal code that begins with SILENT is booked, but whoever books it or looks it up is
                           answered with an error until its cancellation is asked for
POST /v1/cancellations     array of references -> array of outcomes; a parcel to a postal code that begins with TRANSIT
                           or SILENT TRANSIT is on its way as soon as it is booked, and its cancellation is refused
POST /v1/lookup            array of references -> array of shipments, null for a reference never used
GET  /v1/shipments         ?reference=..&reference=.. -> the shipments that exist among these
GET  /v1/shipments/export  all references, in pages
GET  /v1/totals            counts
"""

from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from sandboxes.journal import Journal
from sandboxes.serving import application, batch, batch_of_names, main, page, reply
from sandboxes.shipments import BookingDesk, MalformedBooking, Shipment, booking_of

DESK = web.AppKey("desk", BookingDesk)
JOURNAL = web.AppKey("journal", Journal)


async def book(request: web.Request) -> web.Response:
    """Book a batch. What is new is in the journal before anything is done, so before anything is told."""
    desk, today = request.app[DESK], datetime.now(UTC).date()
    wanted = [_read(item) for item in await batch(request)]
    bookings = [booking for booking in wanted if isinstance(booking, dict)]
    known = desk.find([booking["reference"] for booking in bookings])
    request.app[JOURNAL].append(
        {"book": booking, "on": today} for booking, seen in zip(bookings, known, strict=True) if seen is None
    )
    return reply([desk.book(item, today) if isinstance(item, dict) else _malformed(item) for item in wanted])


def _read(item: object) -> dict[str, Any] | MalformedBooking:
    try:
        return booking_of(item)
    except MalformedBooking as error:
        return error


def _malformed(error: MalformedBooking) -> dict[str, Any]:
    return {"status": "error", "reason": str(error)}


async def cancel(request: web.Request) -> web.Response:
    """Cancel a batch."""
    desk, references = request.app[DESK], await batch_of_names(request)
    known = desk.find(references)
    request.app[JOURNAL].append(
        {"cancel": reference}
        for reference, shipment in zip(references, known, strict=True)
        if shipment is None or shipment.silent or (shipment.stoppable and shipment.state != "cancelled")
    )
    return reply([desk.cancel(reference) for reference in references])


async def look_up(request: web.Request) -> web.Response:
    """Tell what is known under each of these references."""
    found = request.app[DESK].find(await batch_of_names(request))
    return reply([shipment and shipment.shown() for shipment in found])


async def show_shipments(request: web.Request) -> web.Response:
    """Show the shipments that are asked for by reference."""
    found = request.app[DESK].find(request.query.getall("reference", []))
    return reply([shipment.shown() for shipment in found if shipment])


async def export(request: web.Request) -> web.Response:
    """Show one page of all references, in the order of their first use."""
    return page(request, "shipments", request.app[DESK].shipments, Shipment.shown)


async def totals(request: web.Request) -> web.Response:
    """Show counts."""
    return reply(request.app[DESK].totals)


def _replay(desk: BookingDesk, record: dict[str, Any]) -> None:
    if "cancel" in record:
        desk.cancel(record["cancel"])
    else:
        desk.book(record["book"], date.fromisoformat(record["on"]))


def carrier(journal: Journal) -> web.Application:
    """Return the carrier with everything that its journal remembers."""
    desk = BookingDesk()
    for record in journal.replay():
        _replay(desk, record)
    app = application()
    app[DESK], app[JOURNAL] = desk, journal
    app.router.add_post("/v1/shipments", book)
    app.router.add_post("/v1/cancellations", cancel)
    app.router.add_post("/v1/lookup", look_up)
    app.router.add_get("/v1/shipments", show_shipments)
    app.router.add_get("/v1/shipments/export", export)
    app.router.add_get("/v1/totals", totals)
    return app


if __name__ == "__main__":
    main(__doc__, carrier)
