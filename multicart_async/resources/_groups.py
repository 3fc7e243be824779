"""The groups of a client, each made when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from multicart_async.resources._base import ClientContext
from multicart_async.resources.account import Account
from multicart_async.resources.asins import Asins
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs.runs import Runs
from multicart_async.resources.settings import ServiceSettings
from multicart_async.resources.zipcodes import Zipcodes

if TYPE_CHECKING:  # imported with their first use; the others are those that `runs` needs anyway
    from multicart_async.resources.billing import Billing
    from multicart_async.resources.catalogue import Catalogue
    from multicart_async.resources.categories import Categories
    from multicart_async.resources.outputs import Outputs
    from multicart_async.resources.skus import Skus

__all__ = ["GROUPS", "Groups"]

GROUPS: Final = {
    "account": ("account", "Account", ()),
    "asins": ("asins", "Asins", ("zipcodes",)),
    "billing": ("billing", "Billing", ()),
    "catalogue": ("catalogue", "Catalogue", ()),
    "categories": ("categories", "Categories", ("collections",)),
    "collections": ("collections", "Collections", ("asins",)),
    "outputs": ("outputs", "Outputs", ()),
    "runs": ("runs.runs", "Runs", ("collections", "account", "asins")),
    "settings": ("settings", "ServiceSettings", ()),
    "skus": ("skus", "Skus", ("asins",)),
    "zipcodes": ("zipcodes", "Zipcodes", ("settings",)),
}
"""The module and class of each group, and the groups that it uses."""


class Groups:
    """The groups over one context, which a derived class sets."""

    _context: ClientContext

    account: Account
    """Log in, register, and read profile, key and credits."""
    asins: Asins
    """Add, list, change and delete the ASINs of a collection."""
    billing: Billing
    """List plans, and download invoices."""
    catalogue: Catalogue
    """Browse the products of Officeworks."""
    categories: Categories
    """Scrape entire Amazon categories."""
    collections: Collections
    """Create, list, change and delete collections."""
    outputs: Outputs
    """Read the output that the service stores for each ASIN."""
    runs: Runs
    """Start runs, wait for them, and download or read their results."""
    settings: ServiceSettings
    """List the domains and the Officeworks stores."""
    skus: Skus
    """Add Officeworks SKUs to a collection."""
    zipcodes: Zipcodes
    """Create postcodes, and wait until they are active."""

    if not TYPE_CHECKING:  # pragma: no branch -- hidden from type checkers, which would take any name for a group

        def __getattr__(self, name: str) -> Any:
            if name not in GROUPS:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            module, kind, siblings = GROUPS[name]
            make = getattr(import_module(f"multicart_async.resources.{module}"), kind)
            group = make(self._context, **{sibling: getattr(self, sibling) for sibling in siblings})
            return vars(self).setdefault(name, group)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *GROUPS})
