"""Officeworks stores: the documented one, and some invented ones of the same form."""

from __future__ import annotations

STORES: tuple[dict[str, object], ...] = (
    {
        "store_id": "W411",
        "store_name": "Officeworks Carindale",
        "address": "1151 Creek Rd, Carindale QLD 4152",
        "state": "QLD",
        "postcode": "4152",
        "phone": "07 3219 1600",
        "lat": -27.502345,
        "lon": 153.08321,
        "status": "active",
    },
    {
        "store_id": "W902",
        "store_name": "Officeworks Sampletown",
        "address": "1 Example St, Sampletown NSW 2000",
        "state": "NSW",
        "postcode": "2000",
        "phone": "02 5550 0102",
        "lat": -33.868,
        "lon": 151.209,
        "status": "active",
    },
    {
        "store_id": "W903",
        "store_name": "Officeworks Exampleton",
        "address": "2 Example Ave, Exampleton VIC 3000",
        "state": "VIC",
        "postcode": "3000",
        "phone": "03 5550 0103",
        "lat": -37.813,
        "lon": 144.963,
        "status": "active",
    },
    {
        "store_id": "W904",
        "store_name": "Officeworks Closedown",
        "address": "3 Example Rd, Closedown WA 6000",
        "state": "WA",
        "postcode": "6000",
        "phone": "08 5550 0104",
        "lat": -31.953,
        "lon": 115.857,
        "status": "inactive",  # exists, but is not listed
    },
)
STORE_IDS = frozenset(store["store_id"] for store in STORES)
