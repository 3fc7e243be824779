"""Routes of a user's own things: account, postcodes, settings, plans and invoices."""

from __future__ import annotations

from multicart_async.sandbox._handlers import account, billing, registration, settings, zipcodes
from multicart_async.sandbox._params import may, needs
from multicart_async.sandbox._route import Route

ACCOUNT_ROUTES = (
    Route("/users/login", account.login, (needs("email", "email"), needs("password", "string")), public=True),
    Route("/users/profile", account.profile),
    Route(
        "/users/profile/update",
        account.update,
        (
            may("name", "string"),
            may("email", "email"),
            may("timezone", "string"),
            may("notification_emails", "boolean"),
        ),
        cut=True,
    ),
    Route("/users/account-details", account.details),
    Route("/users/credits/", account.credits_now),
    Route("/users/register/otp/sent", registration.send_code, (needs("email", "email"),), public=True),
    Route(
        "/users/register",
        registration.register,
        (
            needs("name", "string"),
            needs("email", "email"),
            needs("password", "string"),
            needs("otp", "integer"),
            needs("country", "string"),
            may("business_name", "string"),
            may("address_1", "string"),
        ),
        public=True,
        cut=True,
    ),
    Route("/zipcodes/create-zipcode/", zipcodes.create, (needs("domain", "integer"), needs("zipcode", "string"))),
    Route(
        "/zipcodes/get-zipcodes/",
        zipcodes.list_all,
        (
            may("status", "string", choices=("active", "pending", "in-progress", "inactive", "failed")),
            may("domain", "integer"),
        ),
    ),
    Route("/settings/domains/", settings.domains, public=True),
    Route("/settings/officeworks/stores/", settings.stores, public=True),
    Route("/plans/get_plans/", billing.plans),
    Route("/plans/public/", billing.plans, method="GET", public=True),
    Route(
        "/users/payments/{invoice_id}/invoice.pdf",
        billing.invoice,
        (needs("invoice_id", "string"),),  # integer or string: not stated
        method="GET",
    ),
)
