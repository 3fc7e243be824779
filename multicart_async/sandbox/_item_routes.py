"""Routes of what is scraped: ASINs, categories, SKUs, and the catalogue that SKUs are taken from."""

from __future__ import annotations

from multicart_async.sandbox._handlers import asins, catalogue, categories, outputs, skus
from multicart_async.sandbox._params import identifies, may, needs
from multicart_async.sandbox._route import OUTPUTS, PRIORITIES, WINDOW, Route

ITEM_ROUTES = (
    Route(
        "/schedules/amazon/asin/create/",
        asins.create,
        (
            needs("collection", "integer"),
            needs("domain", "integer"),
            needs("customer_postcode", "integer"),
            needs("asin", "string"),
            may("custom_id", "string"),
            may("include_raw_html", "boolean"),
            may("output", "string", choices=OUTPUTS),
        ),
    ),
    Route(
        "/schedules/amazon/asin/create/multiple/",
        asins.create_multiple,
        (
            needs("collection", "integer"),
            needs("domain", "string"),
            needs("customer_postcode", "string"),
            needs("asins", "string"),
            may("including_raw_html", "boolean"),
        ),
    ),
    Route(
        "/schedules/amazon/asin/create/bulk/",
        asins.create_bulk,
        (needs("collection_id", "integer"), needs("csv", "file")),
        form=True,
    ),
    Route(
        "/schedules/amazon/asin/list/",
        asins.list_page,
        (needs("collection_id", "integer"), *WINDOW, may("with_count", "any")),
    ),
    Route("/schedules/amazon/asin/get/", asins.get, (identifies("id"), may("collection", "integer"))),
    Route(
        "/schedules/amazon/asin/update/",
        asins.update,
        (
            needs("asin_id", "integer"),
            may("asin", "string"),
            may("include_raw_html", "boolean"),
            may("output", "string", choices=OUTPUTS),
            may("custom_id", "string"),
        ),
    ),
    Route("/schedules/amazon/asin/delete/", asins.delete, (needs("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/asin/output/list/",
        outputs.list_page,
        (needs("collection_id", "integer"), *WINDOW),
    ),
    Route("/schedules/amazon/asin/output/", outputs.get, (needs("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/category/add_schedule/",
        categories.submit,
        (
            needs("category_url", "string"),
            needs("amazon_node_id", "string"),
            needs("domain", "string"),
            needs("postcode", "string"),
            may("name", "string"),
            may("filter_prime_ships_from_au", "boolean"),
            may("filter_delivery_day", "string", choices=("tomorrow", "within_2_days"), nullable=True),
            may("price_min_cents", "integer"),
            may("price_max_cents", "integer"),
            may("notification_email", "string"),
            may("priority", "string", choices=PRIORITIES),
        ),
    ),
    Route("/schedules/amazon/category/result/", categories.result, (needs("collection_id", "integer"),)),
    Route("/schedules/amazon/category/cancel/", categories.cancel, (needs("collection_id", "integer"),)),
    Route(
        "/schedules/officeworks/sku/create/",
        skus.create,
        (
            needs("collection", "integer"),
            needs("sku", "string"),
            needs("store_id", "string"),
            needs("customer_postcode", "string or integer"),
        ),
    ),
    Route(
        "/schedules/officeworks/sku/create/multiple/",
        skus.create_multiple,
        (
            needs("collection", "integer"),
            needs("skus", "string"),
            needs("store_id", "string"),
            needs("customer_postcode", "string"),
        ),
        cut=True,
    ),
    Route(
        "/schedules/officeworks/sku/create/bulk/",
        skus.create_bulk,
        # Not documented: the sandbox takes the form of the Amazon twin.
        (needs("collection_id", "integer"), needs("csv", "file")),
        form=True,
        cut=True,
    ),
    Route(
        "/schedules/officeworks/categories/",
        catalogue.categories,
        (may("flat", "boolean"), may("seo_path", "string")),
    ),
    Route(
        "/schedules/officeworks/categories/products/",
        catalogue.products,
        (needs("seo_path", "string"),),
        cut=True,
    ),
)
