"""``client.account``: who uses the service, and what the account has.

Documentation: api-docs/auth-account, api-docs/registration, docs/guides/api-key, docs/guides/usage,
docs/credits-and-usage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from multicart_async._core.redaction import Redacted, redact
from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import check_bool, check_extra_fields, check_str, is_valid_str
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async.errors import ArgumentError
from multicart_async.models import Credits, Login, Profile, Undocumented
from multicart_async.resources._base import Resource

__all__ = ["Account"]

LOGIN = Endpoint("/users/login", Login, safety="unsafe", public=True, sensitive=True)
PROFILE = Endpoint("/users/profile", Profile, safety="safe")
UPDATE_PROFILE = Endpoint("/users/profile/update", Undocumented, safety="idempotent", sensitive=True)
DETAILS = Endpoint("/users/account-details", Undocumented, safety="safe", sensitive=True)
CREDITS = Endpoint("/users/credits/", Credits, safety="safe")
SEND_CODE = Endpoint("/users/register/otp/sent", ANYTHING, safety="unsafe", public=True)
REGISTER = Endpoint("/users/register", Undocumented, safety="unsafe", public=True, sensitive=True)

_SIX_DIGITS = re.compile(r"[0-9]{6}\Z")


class Account(Resource):
    """``client.account``.

    What is secret is hidden first of all: a traceback with local variables must not show it when a call fails.
    """

    async def login(self, email: str, password: str) -> Login:
        """Log in: ``AsyncMultiCart(token=login.token)`` makes a client of that session. It needs no credential.

        The token is as secret as the key. This client goes on with the credential that it has.

        Raises:
            APIError: The service refused, with one sentence for an unknown address and for a wrong password; under
                which code is not documented.
            OutcomeUnknownError: No answer came. Log in again: another session does no harm.
        """
        password = redact(password)
        check_str("email", email, required=True)
        _check_password(password)
        return await self._call(LOGIN, {"email": email, "password": password})

    async def profile(self) -> Profile:
        """Return the caller's own profile."""
        return await self._call(PROFILE)

    async def update_profile(
        self,
        *,
        name: str | Unset = UNSET,
        email: str | Unset = UNSET,
        timezone: str | Unset = UNSET,
        notification_emails: bool | Unset = UNSET,
        extra: Mapping[str, object] = {},
    ) -> Undocumented:
        """Change the given fields and leave the others as they are. A new *email* is the login from then on, at once.

        The documentation at hand is cut after *email*; *timezone* and *notification_emails* are in its example.
        *extra* holds further fields by their names on the wire. The answer is not documented.

        Raises:
            ArgumentError: Nothing is given, or a name in *extra* is an argument of its own.
        """
        extra = redact(extra)
        check_str("name", name)
        check_str("email", email)
        check_str("timezone", timezone)
        check_bool("notification_emails", notification_emails)
        fields = {"name": name, "email": email, "timezone": timezone, "notification_emails": notification_emails}
        changed = {**fields, **check_extra_fields(extra, *fields)}
        if all(value is UNSET for value in changed.values()):
            raise ArgumentError("update_profile", "expected at least one field to change, got none")
        return await self._call(UPDATE_PROFILE, changed)

    async def details(self) -> Undocumented:
        """Return the account's details: the documented way to read the API key, with a session token for example.

        So keep them secret. Which fields there are is not documented: look at ``data``, which ``repr`` does not show.
        """
        return await self._call(DETAILS)

    async def credits(self) -> Credits:
        """Return the account's credits: see ``credits.spendable``.

        The path is documented, its answer is not: the three fields are those of the page on credits. What else comes is
        in ``extra``.
        """
        return await self._call(CREDITS)

    async def send_registration_code(self, email: str) -> None:
        """Have a code of 6 digits sent to *email*, for `register`. It is valid for 10 minutes and voids the one before.

        At most 3 codes are sent to an address in 15 minutes. Needs no credential.

        Raises:
            APIError: The address is registered already, or has had too many codes.
            OutcomeUnknownError: No answer came; the code may be on its way.
        """
        check_str("email", email, required=True)
        await self._call(SEND_CODE, {"email": email})

    async def register(
        self,
        *,
        name: str,
        email: str,
        password: str,
        otp: int | str,
        country: str,
        business_name: str | Unset = UNSET,
        address_1: str | Unset = UNSET,
        extra: Mapping[str, object] = {},
    ) -> Undocumented:
        """Make an account for *email*, to which `send_registration_code` has sent *otp*. Needs no credential.

        *otp* is a number, as the service wants it, or the 6 digits as a text. *country* is a name, as "Australia".
        The documentation at hand is cut after *address_1*; *extra* holds further fields by their names on the wire.
        The answer is not documented. `login` comes next.

        Raises:
            APIError: The service refused: a wrong or old code for example.
            ArgumentError: Something is missing, or a name in *extra* is an argument of its own.
            OutcomeUnknownError: No answer came. Try to log in before you register again.
        """
        password, otp, extra = redact(password), redact(otp), redact(extra)
        code = _code(otp)
        _check_password(password)
        needed = {"name": name, "email": email, "country": country}
        for argument, text in needed.items():
            check_str(argument, text, required=True)
        _check_code(code)
        check_str("business_name", business_name)
        check_str("address_1", address_1)
        fields = {**needed, "password": password, "otp": code, "business_name": business_name, "address_1": address_1}
        return await self._call(REGISTER, {**fields, **check_extra_fields(extra, *fields)})


def _code(otp: object) -> Redacted:
    """Return the code as the service takes it: a number, which has lost its leading zeros."""
    number = otp.reveal() if isinstance(otp, Redacted) else None
    if isinstance(number, str) and _SIX_DIGITS.match(number):
        number = int(number)
    return Redacted(number if type(number) is int and 0 <= number <= 999_999 else None)


def _check_code(code: Redacted) -> None:
    if code.reveal() is None:  # what was given is not shown
        raise ArgumentError("otp", "expected the 6 digits of the code, as a number or as a string")


def _check_password(password: object) -> None:
    kind, good = _kind_of(password)
    if kind is not str:
        raise ArgumentError("password", f"expected a string, got an object of type {kind.__name__}")
    if not good:
        raise ArgumentError("password", "expected a non-empty string that UTF-8 can encode, got another one")


def _kind_of(password: object) -> tuple[type, bool]:
    """Return the type of what was given, and whether it can be sent: this function raises nothing."""
    value: object = password.reveal() if isinstance(password, Redacted) else password
    return type(value), is_valid_str(value)
