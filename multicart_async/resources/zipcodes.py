"""``client.zipcodes``: postcodes to scrape for. Documentation: api-docs/zipcodes, docs/concepts/postcodes."""

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

LONGEST = 12  # characters of a postcode, as in the dashboard
RECOVERY = PollPolicy(poll_interval=1.0, growth=1.5, max_poll_interval=5.0, wait_timeout=10.0)


class Zipcodes(Resource):
    """``client.zipcodes``: the postcodes that prices are asked for; one must be active before items can use it.

    Documentation: api-docs/zipcodes, docs/concepts/postcodes.
    """

    def __init__(self, context: ClientContext, *, settings: ServiceSettings) -> None:
        super().__init__(context)
        self._settings = settings
        self._locks: WeakValueDictionary[tuple[str, str], anyio.Lock] = WeakValueDictionary()

    async def create(self, postcode: str, *, domain_id: int) -> Zipcode:
        """Create a postcode for a domain. Mostly it cannot be used yet: wait until it is active with `wait_active`.

        The service makes cookies for it first, which takes up to a minute. It is active at once where none are needed,
        or where another account has the same one already. `ensure` does all of it.

        Raises:
            ConflictError: You have it already.
            OutcomeUnknownError: The answer was lost: look with `list` before you create it again.
            ArgumentError: An argument cannot be right: a postcode is a text of at most 12 characters, ``"0800"``.
        """
        _check_postcode(postcode)
        check_id("domain_id", domain_id)
        return await self._call(CREATE, {"domain": domain_id, "zipcode": postcode})

    async def list(
        self, *, status: ZipcodeStatus | Unset = UNSET, domain_id: int | Unset = UNSET
    ) -> tuple[Zipcode, ...]:
        """Your postcodes, all of them, or those of a status or domain."""
        check_choice("status", status, ZipcodeStatus)
        if domain_id is not UNSET:
            check_id("domain_id", domain_id)
        return await self._call(LIST, {"status": status, "domain": domain_id})

    async def wait_active(self, zipcode_id: int, *, policy: PollPolicy = PollPolicy()) -> Zipcode:
        """Wait until a postcode is active, and return it. The service makes cookies for it, which takes up to a minute.

        *zipcode_id* is the id of its row, not the postcode. A status that is not documented is waited for too.

        Raises:
            ZipcodeFailedError: It is failed or inactive; ``zipcode`` is its row.
            WaitTimeoutError: ``policy.wait_timeout`` is over; ``last`` is the row as it was seen last.
            NotFoundError: It was missing from `list` three times in a row. (No call asks for one, so the error is ours.)
        """
        check_id("zipcode_id", zipcode_id)
        return await self._active(zipcode_id, UNSET, PollTimer(policy, self._context.clock))

    async def _active(self, zipcode_id: int, domain_id: int | Unset, pace: PollTimer) -> Zipcode:
        last: list[Zipcode] = []

        async def look() -> PollResult[Zipcode]:
            row = next((row for row in await self.list(domain_id=domain_id) if row.id == zipcode_id), None)
            if row is None:
                missing = NotFoundError(LIST.path, 404, "it is not in the list")
                missing.subject = f"zipcode {zipcode_id}"
                raise missing
            last[:] = [row]
            return PollResult(row, row.status, finished=self._is_active(row))

        def timed_out() -> WaitTimeoutError:
            status = (self._context.api.redactor.value(last[0].status) or "without a status") if last else "not seen"
            reason = f"zipcode {zipcode_id} is {status}, not active, after {pace.elapsed:.0f} s"
            error = WaitTimeoutError(reason, started=zipcode_id, last=next(iter(last), None))
            return self._context.api.redactor.error(error)

        return await poll_until_done(look, pace, timed_out)

    async def ensure(self, postcode: str, *, domain: str, policy: PollPolicy = PollPolicy()) -> Zipcode:
        """Return an active postcode for a domain: found, or else created, and waited for as `wait_active` does.

        *domain* is a name, as ``"amazon.com.au"``. It is created at most once: several calls for one postcode share
        it, one that was created elsewhere meanwhile is found, and after a lost answer it is looked for.

        Raises:
            ZipcodeFailedError: It is failed or inactive, and left so.
            WaitTimeoutError: ``policy.wait_timeout`` is over; ``last`` is the row as it was seen last.
            OutcomeUnknownError: The answer to its creation was lost, and it did not appear within 10 s.
            ArgumentError: An argument cannot be right, or the service does not know the domain, or tells no id for it.
                Nothing was created.
        """
        _check_postcode(postcode)
        check_str("domain", domain, required=True)
        pace = PollTimer(policy, self._context.clock)
        lock = self._locks.setdefault((domain, postcode), anyio.Lock())
        async with lock:  # who comes later finds it in the list
            row = await self._found_or_created(postcode, domain)
        if self._is_active(row):
            return row
        domain_id = row.domain.id if row.domain is not None and row.domain.id is not None else UNSET
        return await self._active(row.id, domain_id, pace)

    async def _found_or_created(self, postcode: str, domain: str) -> Zipcode:
        """Find a postcode by the name of its domain in the list; the list of domains is not documented."""
        of_domain = [row for row in await self.list() if row.domain is not None and row.domain.domain == domain]
        for row in of_domain:
            if row.zipcode == postcode:
                return row
        known = (row.domain.id for row in of_domain if row.domain is not None and row.domain.id is not None)
        domain_id = next(known, None) or await self._id_of(domain)
        # again, for this domain alone: rows need not tell it, and a list without a filter may be cut at some length
        return await self._find(postcode, domain_id) or await self._create_once(postcode, domain_id)

    async def _id_of(self, name: str) -> int:
        known: tuple[Domain, ...] = ()
        for refresh in (False, True):  # a domain may be newer than what is kept
            known = await self._settings.domains(refresh=refresh)
            for row in known:
                if row.domain == name and row.id is not None:
                    return row.id
        names = [row.domain for row in known if row.domain is not None]
        if not names or name in names:
            reason = (
                f"the service lists no id for {short_repr(name)}; if you know it, use zipcodes.create(domain_id=...)"
            )
            raise ArgumentError("domain", reason)
        raise wrong_argument("domain", f"a domain that the service knows ({', '.join(names)})", name)

    async def _find(self, postcode: str, domain_id: int) -> Zipcode | None:
        for row in await self.list(domain_id=domain_id):
            owner = domain_id if row.domain is None or row.domain.id is None else row.domain.id
            if (row.zipcode, owner) == (postcode, domain_id):
                return row
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

    def _is_active(self, row: Zipcode) -> bool:
        if row.status in {"failed", "inactive"}:
            reason = f"postcode {self._context.api.redactor.value(row.zipcode)} (zipcode {row.id}) is {row.status}"
            raise self._context.api.redactor.error(ZipcodeFailedError(reason, zipcode=row))
        return row.status == "active"


def _check_postcode(value: object) -> None:
    check_postcode("postcode", value)
    if len(str(value)) > LONGEST:
        raise wrong_argument("postcode", f"at most {LONGEST} characters", value)
