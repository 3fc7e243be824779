"""``client.account``: the user and the account."""

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
    """``client.account``: log in, register, and read profile, key and credits.

    Secrets are hidden first: a traceback with local variables must not show them when a call fails.

    Service documentation: https://multicartapi.com/api-docs/auth-account,
    https://multicartapi.com/api-docs/registration, https://multicartapi.com/docs/guides/api-key,
    https://multicartapi.com/docs/guides/usage, https://multicartapi.com/docs/credits-and-usage
    """

    async def login(self, email: str, password: str) -> Login:
        """Log in: ``AsyncMultiCart(token=login.token)`` creates a client for the session. No credential is needed.

        The token is as secret as the key. This client keeps its own credential.

        Raises:
            APIError: The service rejected the login, with one message for an unknown address and for a wrong password;
                the code is not documented.
            OutcomeUnknownError: No response was received. Log in again: another session does no harm.

        Service documentation: https://multicartapi.com/api-docs/auth-account
        """
        password = redact(password)
        check_str("email", email, required=True)
        _check_password(password)
        return await self._call(LOGIN, {"email": email, "password": password})

    async def profile(self) -> Profile:
        """Return the caller's own profile.

        Service documentation: https://multicartapi.com/api-docs/auth-account
        """
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
        """Change the given fields and leave the others unchanged. A new *email* immediately becomes the login.

        The available documentation is cut after *email*; *timezone* and *notification_emails* are in its example.
        *extra* holds further fields by their names in the wire format. The response is not documented.

        Raises:
            ArgumentError: No field is given, or a name in *extra* has an argument of its own.

        Service documentation: https://multicartapi.com/api-docs/auth-account
        """
        extra = redact(extra)
        check_str("name", name)
        check_str("email", email)
        check_str("timezone", timezone)
        check_bool("notification_emails", notification_emails)
        fields = {"name": name, "email": email, "timezone": timezone, "notification_emails": notification_emails}
        changed = {**fields, **check_extra_fields(extra, *fields)}
        if all(value is UNSET for value in changed.values()):
            raise ArgumentError("update_profile", "expected at least one field to change, got none; pass one")
        return await self._call(UPDATE_PROFILE, changed)

    async def details(self) -> Undocumented:
        """Return the account's details: the documented way to read the API key, for example with a session token.

        So keep them secret. The fields are not documented: read ``data``, which ``repr`` does not show.

        Service documentation: https://multicartapi.com/docs/guides/api-key
        """
        return await self._call(DETAILS)

    async def credits(self) -> Credits:
        """Return the account's credits: see ``credits.spendable``.

        The path is documented, its response is not: the three fields are those of the page on credits. Other fields are
        in ``extra``.

        Service documentation: https://multicartapi.com/docs/guides/usage
        """
        return await self._call(CREDITS)

    async def send_registration_code(self, email: str) -> None:
        """Have a code of 6 digits sent to *email*, for `register`. It is valid for 10 minutes and voids earlier ones.

        At most 3 codes are sent to an address in 15 minutes. No credential is needed.

        Raises:
            APIError: The address is registered already, or has received too many codes.
            OutcomeUnknownError: No response was received; the code may have been sent.

        Service documentation: https://multicartapi.com/api-docs/registration
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
        """Create an account for *email*, to which `send_registration_code` has sent *otp*. No credential is needed.

        *otp* is a number, as the service expects it, or the 6 digits as a string. *country* is a name, such as
        "Australia". The available documentation is cut after *address_1*; *extra* holds further fields by their names
        in the wire format. The response is not documented. Call `login` next.

        Raises:
            APIError: The service rejected it, for example because of a wrong or expired code.
            ArgumentError: An argument is missing or invalid, or a name in *extra* has an argument of its own.
            OutcomeUnknownError: No response was received. Try to log in before you register again.

        Service documentation: https://multicartapi.com/api-docs/registration
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
    """Return the code as the service expects it: a number, without its leading zeros."""
    number = otp.reveal() if isinstance(otp, Redacted) else None
    if isinstance(number, str) and _SIX_DIGITS.match(number):
        number = int(number)
    return Redacted(number if type(number) is int and 0 <= number <= 999_999 else None)


def _check_code(code: Redacted) -> None:
    if code.reveal() is None:  # the value must not be shown
        raise ArgumentError(
            "otp", "expected the 6 digits of the code, as an integer or a string; the value is not shown"
        )


def _check_password(password: object) -> None:
    kind, good = _kind_of(password)
    if kind is not str:
        raise ArgumentError("password", f"expected a string, got an object of type {kind.__name__}")
    if not good:
        raise ArgumentError("password", "expected a non-empty string that UTF-8 can encode; the value is not shown")


def _kind_of(password: object) -> tuple[type, bool]:
    """Return the type of *password*, and whether it can be sent; raises nothing, so that no traceback shows it."""
    value: object = password.reveal() if isinstance(password, Redacted) else password
    return type(value), is_valid_str(value)
