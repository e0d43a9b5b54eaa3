"""The home page: what a person needs in the morning."""

from __future__ import annotations

from typing import Any

from flask_admin import AdminIndexView, expose
from flask_babel import lazy_gettext as _l

from core.admin.record_page import sections_for_home
from core.admin.shell import sign_in_first
from core.database.scope import current_scope
from core.people.permissions import public


class HomeView(AdminIndexView):
    """``/admin/``: the panels that components declare for the record kind ``home``, and the ways onwards."""

    def __init__(self) -> None:
        super().__init__(name=_l("Home"), endpoint="admin", url="/admin", template="admin/index.html")

    def is_visible(self) -> bool:
        """Keep it out of Flask-Admin's own menu."""
        return False

    def is_accessible(self) -> bool:
        """Return whether somebody is signed in: every member of staff has a home page."""
        return current_scope() is not None

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Any:
        """Send an anonymous visitor to the sign-in page."""
        del name, kwargs
        return sign_in_first()

    @expose("/")
    @public("every member of staff has a home page; each panel is gated by its own permission")
    def index(self) -> str:
        """Show the page."""
        page: str = self.render(self._template, sections=sections_for_home())
        return page
