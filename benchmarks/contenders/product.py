"""The part of a product record that a program is interested in: 25 of its fields."""

from __future__ import annotations

import attrs


@attrs.frozen
class Rating:
    """How a product is rated."""

    stars: float
    histogram: list[int]


@attrs.frozen
class Offer:
    """The offer of a seller."""

    seller: str
    cents: int
    prime: bool


@attrs.frozen(kw_only=True)
class Product:
    """A product. The sandbox has made up all fields but the first four."""

    asin: str
    title: str
    price: str | None = None  # an unavailable product has none
    availability: str
    brand: str
    manufacturer: str
    colour: str
    material: str
    model_number: str
    size: str
    origin_country: str
    weight_grams: float
    length_cm: float
    width_cm: float
    height_cm: float
    list_price: float
    review_count: int
    offer_count: int
    best_seller_rank: int
    is_new: bool
    discontinued_on: str | None
    rating: Rating
    offers: list[Offer]
    features: list[str]
    categories: list[list[str]]
