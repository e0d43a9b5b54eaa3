"""The texts of messages: what departments changed, and a preview with a real customer."""

from __future__ import annotations

from typing import Any

from core.admin.access import expose_guarded
from core.admin.views import PageView
from core.plugin_system.runtime import current_runtime


class MessageTextsView(PageView):
    """``/admin/message_texts/``: the templates of all modules that are on."""

    @expose_guarded("/", permission="messages.view")
    def index(self) -> Any:
        """Show all templates by module."""
        return self.render("messages/texts.html", templates=current_runtime().declared.message_templates())
