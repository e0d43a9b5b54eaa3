"""The forms of sign-in with the delay after failures built in."""

from __future__ import annotations

from typing import Any

from flask_login import confirm_login, current_user
from flask_security import hash_password
from flask_security.forms import (
    ChangePasswordForm,
    LoginForm,
    TwoFactorRescueForm,
    TwoFactorVerifyCodeForm,
    VerifyForm,
)
from flask_security.proxies import _datastore
from flask_security.recovery_codes import MfRecoveryForm
from flask_security.utils import get_message
from wtforms import RadioField

from core.people.sign_in_guards import is_delayed


def _generic_refusal() -> str:
    return get_message("GENERIC_AUTHN_FAILED")[0]


class DelayedLoginForm(LoginForm):
    """Address and password. During the delay nothing is compared, and the answer is that for a wrong password."""

    remember = None
    """Trusted browsers are not offered: they would go past the second factor."""

    def validate(self, **kwargs: Any) -> bool:
        """Refuse during the delay, else check the password."""
        address = self.email.data.strip() if isinstance(self.email.data, str) else ""
        self.email.data = address
        user = _datastore.find_user(case_insensitive=True, email=address) if address else None
        if user is not None and is_delayed(user):
            hash_password(self.password.data or "")
            self.email.errors = [_generic_refusal()]
            return False
        return super().validate(**kwargs)


class DelayedVerifyForm(VerifyForm):
    """The password again, before something delicate."""

    def validate(self, **kwargs: Any) -> bool:
        """Refuse during the delay, else check the password and bind the session to this address again."""
        if is_delayed(self.user):
            self.password.errors = [_generic_refusal()]
            return False
        if not super().validate(**kwargs):
            return False
        confirm_login()
        return True


class DelayedChangePasswordForm(ChangePasswordForm):
    """The old password and twice the new one."""

    def validate(self, **kwargs: Any) -> bool:
        """Refuse during the delay; count a wrong old password like a failed sign-in."""
        if is_delayed(current_user):
            self.password.errors = [_generic_refusal()]
            return False
        valid = super().validate(**kwargs)
        if not valid and get_message("INVALID_PASSWORD")[0] in self.password.errors:
            current_user.track_failed_authn("password")
        return valid


class DelayedCodeForm(TwoFactorVerifyCodeForm):
    """A code of the authenticator app."""

    def validate(self, **kwargs: Any) -> bool:
        """Refuse during the delay, else check the code."""
        if self.user is not None and not self.is_setup and is_delayed(self.user):
            self.code.errors = [_generic_refusal()]
            return False
        return super().validate(**kwargs)


class DelayedRecoveryForm(MfRecoveryForm):
    """A recovery code."""

    def validate(self, **kwargs: Any) -> bool:
        """Refuse during the delay; count a wrong code like a failed sign-in."""
        if self.user is not None and is_delayed(self.user):
            self.code.errors = [_generic_refusal()]
            return False
        valid = super().validate(**kwargs)
        if not valid and self.user is not None and self.code.data:
            self.user.track_failed_authn("recovery_code", True)
        return valid


class RescueForm(TwoFactorRescueForm):
    """Ways past a lost phone: recovery codes alone. Flask-Security adds that choice when there are codes."""

    help_setup = RadioField(choices=[])
