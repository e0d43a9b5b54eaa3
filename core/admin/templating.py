"""How templates run: Jinja's own way, without what it inspects anew at each call and each template of a page.

A page of the back office calls some sixty functions and macros and takes part of itself from a handful of other
templates. Jinja asks of each call three times whether it wants the context, and copies the names that all templates
share whenever a template begins; together a twelfth of a page.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from types import FunctionType, MethodType
from typing import Any

from flask.templating import Environment
from jinja2.runtime import Context, Macro

_OUTER_NAMES = ("_loop_vars", "_block_vars")


class QuickContext(Context):
    """The names that a template knows; plain functions and macros are called at once."""

    def call(__self, __obj: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (as Jinja calls it)
        """Return what a template's call returns.

        Args:
            args: What the template gives.
            kwargs: Likewise, and the names of the loop and block around the call, which only a function that wants the
                context may see.
        """
        kind = type(__obj)
        if kind is Macro:
            args = (__self.eval_ctx, *args)
        elif kind not in (FunctionType, MethodType) or getattr(__obj, "jinja_pass_arg", None) is not None:
            return super().call(__obj, *args, **kwargs)
        for name in _OUTER_NAMES:
            kwargs.pop(name, None)
        try:
            return __obj(*args, **kwargs)
        except StopIteration:
            return __self.environment.undefined("value was undefined because a callable raised StopIteration")


class QuickEnvironment(Environment):
    """Flask's environment; a template without names of its own shares those of the environment."""

    context_class = QuickContext

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the names that a template knows without being given them.

        Args:
            d: Names of this template alone, or None.
        """
        return self.globals if not d else super().make_globals(d)
