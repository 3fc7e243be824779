"""Routes of collections, their runs and their files."""

from __future__ import annotations

from multicart_async.sandbox._handlers import collections, runs
from multicart_async.sandbox._params import identifies, may, needs
from multicart_async.sandbox._route import MODES, PRIORITIES, SCHEDULES, WINDOW, Route

COLLECTION_ROUTES = (
    Route(
        "/schedules/add_schedule/",
        collections.create,
        (
            needs("name", "string"),
            needs("request_type", "string", choices=("amazon", "officeworks.com.au")),
            needs("schedule", "string", choices=SCHEDULES),
            needs("priority", "string", choices=PRIORITIES),
            needs("notification_email", "string"),
            may("fetch_mode", "string", choices=MODES),
            may("schedule_time", "object"),
            may("destinations", "string"),
        ),
    ),
    Route(
        "/schedules/get_schedules/",
        collections.list_all,
        (may("sort_by", "string"), may("sort_order", "string", choices=("asc", "desc"))),
    ),
    Route("/schedules/get/", collections.get, (identifies("schedule_id"),)),
    Route(
        "/schedules/update_schedule/",
        collections.update,
        (
            identifies("schedule_id"),
            may("name", "string"),
            may("schedule", "string", choices=SCHEDULES),
            may("priority", "string", choices=PRIORITIES),
            may("notification_email", "string"),
            may("fetch_mode", "string", choices=MODES),
            may("schedule_time", "object"),
        ),
    ),
    Route("/schedules/delete_schedule/", collections.delete, (identifies("schedule_id"),)),
    Route("/schedules/delete_multiple/", collections.delete_multiple, (needs("schedule_ids", "integers"),)),
    Route("/schedules/run/result/", runs.start, (needs("collection_id", "integer"),)),
    Route(
        "/schedules/collections/results/download/",
        runs.results,
        (needs("collection_id", "integer"), *WINDOW),
    ),
    Route(
        "/results/{collection_id}/{runner_id}/{file_name}",
        runs.download,
        (needs("collection_id", "integer"), needs("runner_id", "integer"), needs("file_name", "string")),
        method="GET",
    ),
)
