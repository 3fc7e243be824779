"""Responses of the service, inputs and reports: frozen values, one module per page of the service's documentation."""

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
