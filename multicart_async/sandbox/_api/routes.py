"""The table of routes: documented path, with or without its final slash, handler, and documented parameters."""

from __future__ import annotations

import re
from urllib.parse import unquote

from multicart_async.sandbox._api import (
    account,
    asins,
    billing,
    catalogue,
    categories,
    collections,
    outputs,
    registration,
    runs,
    settings,
    skus,
    zipcodes,
)
from multicart_async.sandbox._api.params import optional, required, required_id
from multicart_async.sandbox._api.route import MODES, OUTPUTS, PRIORITIES, SCHEDULES, WINDOW, Route

ACCOUNT_ROUTES = (
    Route("/users/login", account.login, (required("email", "email"), required("password", "string")), public=True),
    Route("/users/profile", account.profile),
    Route(
        "/users/profile/update",
        account.update,
        (
            optional("name", "string"),
            optional("email", "email"),
            optional("timezone", "string"),
            optional("notification_emails", "boolean"),
        ),
        incomplete=True,
    ),
    Route("/users/account-details", account.details),
    Route("/users/credits/", account.credits_now),
    Route("/users/register/otp/sent", registration.send_code, (required("email", "email"),), public=True),
    Route(
        "/users/register",
        registration.register,
        (
            required("name", "string"),
            required("email", "email"),
            required("password", "string"),
            required("otp", "integer"),
            required("country", "string"),
            optional("business_name", "string"),
            optional("address_1", "string"),
        ),
        public=True,
        incomplete=True,
    ),
    Route("/zipcodes/create-zipcode/", zipcodes.create, (required("domain", "integer"), required("zipcode", "string"))),
    Route(
        "/zipcodes/get-zipcodes/",
        zipcodes.list_all,
        (
            optional("status", "string", choices=("active", "pending", "in-progress", "inactive", "failed")),
            optional("domain", "integer"),
        ),
    ),
    Route("/settings/domains/", settings.domains, public=True),
    Route("/settings/officeworks/stores/", settings.stores, public=True),
    Route("/plans/get_plans/", billing.plans),
    Route("/plans/public/", billing.plans, method="GET", public=True),
    Route(
        "/users/payments/{invoice_id}/invoice.pdf",
        billing.invoice,
        (required("invoice_id", "string"),),  # integer or string: not stated
        method="GET",
    ),
)


COLLECTION_ROUTES = (
    Route(
        "/schedules/add_schedule/",
        collections.create,
        (
            required("name", "string"),
            required("request_type", "string", choices=("amazon", "officeworks.com.au")),
            required("schedule", "string", choices=SCHEDULES),
            required("priority", "string", choices=PRIORITIES),
            required("notification_email", "string"),
            optional("fetch_mode", "string", choices=MODES),
            optional("schedule_time", "object"),
            optional("destinations", "string"),
        ),
    ),
    Route(
        "/schedules/get_schedules/",
        collections.list_all,
        (optional("sort_by", "string"), optional("sort_order", "string", choices=("asc", "desc"))),
    ),
    Route("/schedules/get/", collections.get, (required_id("schedule_id"),)),
    Route(
        "/schedules/update_schedule/",
        collections.update,
        (
            required_id("schedule_id"),
            optional("name", "string"),
            optional("schedule", "string", choices=SCHEDULES),
            optional("priority", "string", choices=PRIORITIES),
            optional("notification_email", "string"),
            optional("fetch_mode", "string", choices=MODES),
            optional("schedule_time", "object"),
        ),
    ),
    Route("/schedules/delete_schedule/", collections.delete, (required_id("schedule_id"),)),
    Route("/schedules/delete_multiple/", collections.delete_multiple, (required("schedule_ids", "integers"),)),
    Route("/schedules/run/result/", runs.start, (required("collection_id", "integer"),)),
    Route(
        "/schedules/collections/results/download/",
        runs.results,
        (required("collection_id", "integer"), *WINDOW),
    ),
    Route(
        "/results/{collection_id}/{runner_id}/{file_name}",
        runs.download,
        (required("collection_id", "integer"), required("runner_id", "integer"), required("file_name", "string")),
        method="GET",
    ),
)


ITEM_ROUTES = (
    Route(
        "/schedules/amazon/asin/create/",
        asins.create,
        (
            required("collection", "integer"),
            required("domain", "integer"),
            required("customer_postcode", "integer"),
            required("asin", "string"),
            optional("custom_id", "string"),
            optional("include_raw_html", "boolean"),
            optional("output", "string", choices=OUTPUTS),
        ),
    ),
    Route(
        "/schedules/amazon/asin/create/multiple/",
        asins.create_multiple,
        (
            required("collection", "integer"),
            required("domain", "string"),
            required("customer_postcode", "string"),
            required("asins", "string"),
            optional("including_raw_html", "boolean"),
        ),
    ),
    Route(
        "/schedules/amazon/asin/create/bulk/",
        asins.create_bulk,
        (required("collection_id", "integer"), required("csv", "file")),
        form=True,
    ),
    Route(
        "/schedules/amazon/asin/list/",
        asins.list_page,
        (required("collection_id", "integer"), *WINDOW, optional("with_count", "any")),
    ),
    Route("/schedules/amazon/asin/get/", asins.get, (required_id("id"), optional("collection", "integer"))),
    Route(
        "/schedules/amazon/asin/update/",
        asins.update,
        (
            required("asin_id", "integer"),
            optional("asin", "string"),
            optional("include_raw_html", "boolean"),
            optional("output", "string", choices=OUTPUTS),
            optional("custom_id", "string"),
        ),
    ),
    Route("/schedules/amazon/asin/delete/", asins.delete, (required("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/asin/output/list/",
        outputs.list_page,
        (required("collection_id", "integer"), *WINDOW),
    ),
    Route("/schedules/amazon/asin/output/", outputs.get, (required("asin_id", "integer"),)),
    Route(
        "/schedules/amazon/category/add_schedule/",
        categories.submit,
        (
            required("category_url", "string"),
            required("amazon_node_id", "string"),
            required("domain", "string"),
            required("postcode", "string"),
            optional("name", "string"),
            optional("filter_prime_ships_from_au", "boolean"),
            optional("filter_delivery_day", "string", choices=("tomorrow", "within_2_days"), nullable=True),
            optional("price_min_cents", "integer"),
            optional("price_max_cents", "integer"),
            optional("notification_email", "string"),
            optional("priority", "string", choices=PRIORITIES),
        ),
    ),
    Route("/schedules/amazon/category/result/", categories.result, (required("collection_id", "integer"),)),
    Route("/schedules/amazon/category/cancel/", categories.cancel, (required("collection_id", "integer"),)),
    Route(
        "/schedules/officeworks/sku/create/",
        skus.create,
        (
            required("collection", "integer"),
            required("sku", "string"),
            required("store_id", "string"),
            required("customer_postcode", "string or integer"),
        ),
    ),
    Route(
        "/schedules/officeworks/sku/create/multiple/",
        skus.create_multiple,
        (
            required("collection", "integer"),
            required("skus", "string"),
            required("store_id", "string"),
            required("customer_postcode", "string"),
        ),
        incomplete=True,
    ),
    Route(
        "/schedules/officeworks/sku/create/bulk/",
        skus.create_bulk,
        # Not documented: the sandbox accepts the form of the endpoint for ASINs.
        (required("collection_id", "integer"), required("csv", "file")),
        form=True,
        incomplete=True,
    ),
    Route(
        "/schedules/officeworks/categories/",
        catalogue.categories,
        (optional("flat", "boolean"), optional("seo_path", "string")),
    ),
    Route(
        "/schedules/officeworks/categories/products/",
        catalogue.products,
        (required("seo_path", "string"),),
        incomplete=True,
    ),
)

ROUTES = (*COLLECTION_ROUTES, *ITEM_ROUTES, *ACCOUNT_ROUTES)

_FIXED = {route.path: route for route in ROUTES if "{" not in route.path}
_PATTERNS = tuple(
    (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path)), re.DOTALL), route)
    for route in ROUTES
    if "{" in route.path
)

_ID = re.compile("[0-9]{1,18}")


def find(raw_path: str) -> tuple[Route, dict[str, object]] | None:
    """Return the route of a path in its raw form, and the fields in the path; None if the path is not documented."""
    path = unquote(raw_path)  # once, and before the split at slashes, as WSGI does
    if path in _FIXED:
        return _FIXED[path], {}
    for pattern, route in _PATTERNS:
        matched = pattern.fullmatch(path)
        if matched:
            integers = {param.name for param in route.params if param.kind == "integer"}
            texts = matched.groupdict()
            if all(_ID.fullmatch(texts[name]) for name in integers):
                return route, {name: int(text) if name in integers else text for name, text in texts.items()}
    return None
