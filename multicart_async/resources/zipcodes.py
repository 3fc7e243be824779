"""``client.zipcodes``: postcodes to scrape for."""

from __future__ import annotations

from weakref import WeakValueDictionary

import anyio

from multicart_async._core.short_repr import short_repr
from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import check_choice, check_id, check_postcode, check_str, wrong_argument
from multicart_async._http.endpoint import Endpoint
from multicart_async._http.retry_rules import is_definite_rejection
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ArgumentError,
    ConflictError,
    InvalidResponseError,
    NotFoundError,
    WaitTimeoutError,
    ZipcodeFailedError,
)
from multicart_async.models import Domain, Zipcode, ZipcodeStatus
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._polling import PollResult, PollTimer, poll_until_done, poll_until_found
from multicart_async.resources.settings import ServiceSettings

__all__ = ["Zipcodes"]

CREATE = Endpoint("/zipcodes/create-zipcode/", Zipcode, safety="unsafe")
LIST = Endpoint("/zipcodes/get-zipcodes/", tuple[Zipcode, ...], safety="safe")

LONGEST = 12  # characters of a postcode, the limit of the dashboard
RECOVERY = PollPolicy(poll_interval=1.0, growth=1.5, max_poll_interval=5.0, wait_timeout=10.0)


class Zipcodes(Resource):
    """``client.zipcodes``: the postcodes for which prices are scraped; one must be active before items can use it.

    Service documentation: https://multicartapi.com/api-docs/zipcodes, https://multicartapi.com/docs/concepts/postcodes
    """

    def __init__(self, context: ClientContext, *, settings: ServiceSettings) -> None:
        super().__init__(context)
        self._settings = settings
        self._locks: WeakValueDictionary[tuple[str, str], anyio.Lock] = WeakValueDictionary()

    async def create(self, postcode: str, *, domain_id: int) -> Zipcode:
        """Create a postcode for a domain. Usually it cannot be used yet: wait for it with `wait_active`.

        The service first creates cookies for it, which takes up to a minute. It is active immediately if none are
        needed, or if another account has the same postcode. `ensure` combines these steps.

        Raises:
            ConflictError: The account has the postcode already.
            OutcomeUnknownError: The response was lost: check with `list` before you create it again.
            ArgumentError: An argument is invalid: a postcode is a string of at most 12 characters, such as ``"0800"``.

        Service documentation: https://multicartapi.com/api-docs/zipcodes
        """
        _check_postcode(postcode)
        check_id("domain_id", domain_id)
        return await self._call(CREATE, {"domain": domain_id, "zipcode": postcode})

    async def list(
        self, *, status: ZipcodeStatus | Unset = UNSET, domain_id: int | Unset = UNSET
    ) -> tuple[Zipcode, ...]:
        """Return the account's postcodes: all of them, or those of a status or domain.

        Service documentation: https://multicartapi.com/api-docs/zipcodes
        """
        check_choice("status", status, ZipcodeStatus)
        if domain_id is not UNSET:
            check_id("domain_id", domain_id)
        return await self._call(LIST, {"status": status, "domain": domain_id})

    async def wait_active(self, zipcode_id: int, *, policy: PollPolicy = PollPolicy()) -> Zipcode:
        """Wait until a postcode is active, which takes up to a minute, and return it.

        *zipcode_id* is its id, not the postcode. An undocumented status is treated as still pending.

        Raises:
            ZipcodeFailedError: It is failed or inactive; ``zipcode`` is the postcode as listed.
            WaitTimeoutError: ``policy.wait_timeout`` has passed; ``last`` is the postcode as last listed.
            NotFoundError: It was missing from `list` three times in a row. (The service has no call for one
                postcode, so this library raises the error itself.)

        Service documentation: https://multicartapi.com/api-docs/zipcodes
        """
        check_id("zipcode_id", zipcode_id)
        return await self._active(zipcode_id, UNSET, PollTimer(policy, self._context.clock))

    async def _active(self, zipcode_id: int, domain_id: int | Unset, timer: PollTimer) -> Zipcode:
        async def poll() -> PollResult[Zipcode]:
            listed = await self.list(domain_id=domain_id)
            zipcode = next((zipcode for zipcode in listed if zipcode.id == zipcode_id), None)
            if zipcode is None:
                missing = NotFoundError(LIST.path, 404, "it is not in the list")
                missing.subject = f"zipcode {zipcode_id}"
                raise missing
            return PollResult(zipcode, zipcode.status, finished=self._is_active(zipcode))

        def timed_out(last: Zipcode | None) -> WaitTimeoutError:
            status = (self._context.api.redactor.value(last.status) or "without a status") if last else "not seen"
            reason = f"zipcode {zipcode_id} is {status}, not active, after {timer.elapsed:.0f} s"
            error = WaitTimeoutError(reason, started=zipcode_id, last=last)
            return self._context.api.redactor.error(error)

        return await poll_until_done(poll, timer, timed_out)

    async def ensure(self, postcode: str, *, domain: str, policy: PollPolicy = PollPolicy()) -> Zipcode:
        """Return an active postcode for a domain: an existing one or else a new one, waited for as in `wait_active`.

        *domain* is a name, such as ``"amazon.com.au"``. The postcode is created at most once: concurrent calls for one
        postcode share it, one that was created elsewhere meanwhile is found, and after a lost response it is searched
        for.

        Raises:
            ZipcodeFailedError: It is failed or inactive, and left unchanged.
            WaitTimeoutError: ``policy.wait_timeout`` has passed; ``last`` is the postcode as last listed.
            OutcomeUnknownError: The response to its creation was lost, and it was not listed within 10 s.
            ArgumentError: An argument is invalid, or the service does not list the domain, or lists no id for it.
                Nothing was created.

        Service documentation: https://multicartapi.com/api-docs/zipcodes
        """
        _check_postcode(postcode)
        check_str("domain", domain, required=True)
        timer = PollTimer(policy, self._context.clock)
        lock = self._locks.setdefault((domain, postcode), anyio.Lock())
        async with lock:  # later callers find it in the list
            zipcode = await self._found_or_created(postcode, domain)
        if self._is_active(zipcode):
            return zipcode
        domain_id = zipcode.domain.id if zipcode.domain is not None and zipcode.domain.id is not None else UNSET
        return await self._active(zipcode.id, domain_id, timer)

    async def _found_or_created(self, postcode: str, domain: str) -> Zipcode:
        """Find a postcode by the name of its domain, because the response of the domains call is not documented."""
        of_domain = [
            zipcode for zipcode in await self.list() if zipcode.domain is not None and zipcode.domain.domain == domain
        ]
        for zipcode in of_domain:
            if zipcode.zipcode == postcode:
                return zipcode
        known = (
            zipcode.domain.id for zipcode in of_domain if zipcode.domain is not None and zipcode.domain.id is not None
        )
        domain_id = next(known, None) or await self._id_of(domain)
        # once more with a filter: postcodes may lack their domain, and an unfiltered list may be cut
        return await self._find(postcode, domain_id) or await self._create_once(postcode, domain_id)

    async def _id_of(self, name: str) -> int:
        known: tuple[Domain, ...] = ()
        for refresh in (False, True):  # a domain may be newer than the cached ones
            known = await self._settings.domains(refresh=refresh)
            for item in known:
                if item.domain == name and item.id is not None:
                    return item.id
        names = [item.domain for item in known if item.domain is not None]
        if not names or name in names:
            reason = (
                f"expected a domain with an id, got {short_repr(name)} without one; call zipcodes.create(domain_id=...)"
            )
            raise ArgumentError("domain", reason)
        raise wrong_argument("domain", f"a domain that the service lists ({', '.join(names)})", name)

    async def _find(self, postcode: str, domain_id: int) -> Zipcode | None:
        for zipcode in await self.list(domain_id=domain_id):
            owner = domain_id if zipcode.domain is None or zipcode.domain.id is None else zipcode.domain.id
            if (zipcode.zipcode, owner) == (postcode, domain_id):
                return zipcode
        return None

    async def _create_once(self, postcode: str, domain_id: int) -> Zipcode:
        try:
            return await self.create(postcode, domain_id=domain_id)
        except (APIConnectionError, APIError, InvalidResponseError) as error:
            if is_definite_rejection(error) and not isinstance(error, ConflictError):
                raise
            found = await poll_until_found(
                lambda _: self._find(postcode, domain_id),
                RECOVERY,
                self._context.clock,
                f"postcode {postcode!r} of domain {domain_id}",
            )
            if found is None:
                raise
            return found

    def _is_active(self, zipcode: Zipcode) -> bool:
        if zipcode.status in {"failed", "inactive"}:
            reason = f"postcode {self._context.api.redactor.value(zipcode.zipcode)} (zipcode {zipcode.id}) is {zipcode.status}"
            raise self._context.api.redactor.error(ZipcodeFailedError(reason, zipcode=zipcode))
        return zipcode.status == "active"


def _check_postcode(value: object) -> None:
    check_postcode("postcode", value)
    if len(str(value)) > LONGEST:
        raise wrong_argument("postcode", f"at most {LONGEST} characters", value)
