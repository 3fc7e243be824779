"""Responses of the service, inputs and reports: frozen values, one module per page of the service's documentation.

Each name is imported on first use, as those of the package are: building all of these classes takes as long as importing
the rest of the client.
"""

from multicart_async._core.lazy import lazy_names

_MODULES = {  # the imports below, for the interpreter; a test compares the two
    "AddResult": "items",
    "Asin": "items",
    "AsinRow": "items",
    "CatalogueCategory": "catalogue",
    "CatalogueTree": "catalogue",
    "CategoryRequest": "categories",
    "CategoryRun": "categories",
    "Collection": "collections",
    "Credits": "account",
    "DeleteReport": "collections",
    "DeliveryDay": "categories",
    "Domain": "zipcodes",
    "DomainRef": "items",
    "DownloadLinks": "runs",
    "DownloadedFile": "downloads",
    "ErrorRow": "items",
    "Estimate": "estimates",
    "EveryMinutes": "schedules",
    "Failure": "outcome",
    "Feature": "billing",
    "FetchMode": "collections",
    "Login": "account",
    "Model": "_base",
    "Outcome": "outcome",
    "Output": "items",
    "OutputFormat": "items",
    "Plan": "billing",
    "PostcodeRef": "items",
    "Priority": "collections",
    "Profile": "account",
    "RequestType": "collections",
    "Run": "runs",
    "RunDownload": "downloads",
    "RunState": "runs",
    "Schedule": "collections",
    "Shard": "collections",
    "Sku": "items",
    "SkuRow": "items",
    "SortOrder": "collections",
    "StartedCategory": "categories",
    "StartedRun": "runs",
    "Store": "stores",
    "Success": "outcome",
    "SupplierType": "collections",
    "SyncFailure": "reports",
    "SyncReport": "reports",
    "Undocumented": "_base",
    "User": "account",
    "VerifyFailure": "reports",
    "VerifyReport": "reports",
    "Zipcode": "zipcodes",
    "ZipcodeStatus": "zipcodes",
}

TYPE_CHECKING = not __name__  # as in the package itself
if TYPE_CHECKING:
    from multicart_async.models._base import Model, Undocumented
    from multicart_async.models.account import Credits, Login, Profile, User
    from multicart_async.models.billing import Feature, Plan
    from multicart_async.models.catalogue import CatalogueCategory, CatalogueTree
    from multicart_async.models.categories import CategoryRequest, CategoryRun, DeliveryDay, StartedCategory
    from multicart_async.models.collections import (
        Collection,
        DeleteReport,
        FetchMode,
        Priority,
        RequestType,
        Schedule,
        Shard,
        SortOrder,
        SupplierType,
    )
    from multicart_async.models.downloads import DownloadedFile, RunDownload
    from multicart_async.models.estimates import Estimate
    from multicart_async.models.items import (
        AddResult,
        Asin,
        AsinRow,
        DomainRef,
        ErrorRow,
        Output,
        OutputFormat,
        PostcodeRef,
        Sku,
        SkuRow,
    )
    from multicart_async.models.outcome import Failure, Outcome, Success
    from multicart_async.models.reports import SyncFailure, SyncReport, VerifyFailure, VerifyReport
    from multicart_async.models.runs import DownloadLinks, Run, RunState, StartedRun
    from multicart_async.models.schedules import EveryMinutes
    from multicart_async.models.stores import Store
    from multicart_async.models.zipcodes import Domain, Zipcode, ZipcodeStatus
else:  # hidden from type checkers, which would take any name for one of this package
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = [
    "AddResult",
    "Asin",
    "AsinRow",
    "CatalogueCategory",
    "CatalogueTree",
    "CategoryRequest",
    "CategoryRun",
    "Collection",
    "Credits",
    "DeleteReport",
    "DeliveryDay",
    "Domain",
    "DomainRef",
    "DownloadLinks",
    "DownloadedFile",
    "ErrorRow",
    "Estimate",
    "EveryMinutes",
    "Failure",
    "Feature",
    "FetchMode",
    "Login",
    "Model",
    "Outcome",
    "Output",
    "OutputFormat",
    "Plan",
    "PostcodeRef",
    "Priority",
    "Profile",
    "RequestType",
    "Run",
    "RunDownload",
    "RunState",
    "Schedule",
    "Shard",
    "Sku",
    "SkuRow",
    "SortOrder",
    "StartedCategory",
    "StartedRun",
    "Store",
    "Success",
    "SupplierType",
    "SyncFailure",
    "SyncReport",
    "Undocumented",
    "User",
    "VerifyFailure",
    "VerifyReport",
    "Zipcode",
    "ZipcodeStatus",
]
