"""Languages: Chinese first, English complete."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from flask import Flask, current_app, g, has_request_context, request, session
from flask_babel import Babel, Domain, get_locale
from flask_login import current_user
from wtforms.i18n import messages_path

LOCALES = {"zh_Hans_CN": "中文", "en": "English"}
_CORE_CATALOGUE = str(Path(__file__).parent / "translations")
_FORM_TEXTS = Domain([messages_path(), _CORE_CATALOGUE], domain="wtforms")


class FormTexts:
    """What WTForms says about wrong input, in the reader's language; the core's words before those of WTForms."""

    def gettext(self, string: str) -> str:
        """Return the translation of a text of WTForms."""
        return str(_FORM_TEXTS.get_translations().ugettext(string))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return the translation of a text of WTForms that depends on a number."""
        return str(_FORM_TEXTS.get_translations().ungettext(singular, plural, n))


def set_up_languages(app: Flask) -> None:
    """Bind Flask-Babel; each plugin adds its catalogue with :func:`add_catalogue` before the first request."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", app.config["DEFAULT_LOCALE"])
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", "Asia/Shanghai")
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", _CORE_CATALOGUE)
    # One Babel for each application: it keeps the merged catalogues, and another application may have other plugins.
    Babel().init_app(app, locale_selector=select_locale)
    # Texts of several lines are collected without their line breaks (tools/translations.py) and looked up likewise.
    app.jinja_env.policies["ext.i18n.trimmed"] = True


def add_catalogue(app: Flask, folder: Path) -> None:
    """Add a folder of translations, for example a plugin's."""
    directories = app.extensions["babel"].translation_directories
    if folder.is_dir() and str(folder) not in directories:
        # Later catalogues win when they are merged; the core's comes last, so that no plugin rewords it.
        directories.insert(0, str(folder))
        _forget_merged_catalogues(app)


def _forget_merged_catalogues(app: Flask) -> None:
    # They may have been merged already, before a plugin was migrated.
    with suppress(KeyError):
        del app.extensions["babel"].instance.domain_instance


def select_locale() -> str:
    """Return the language of this request: chosen for a printed page, by the user, in the session, by the browser."""
    if not has_request_context():
        return _default_locale()
    forced: str | None = g.get("forced_locale")
    if forced in LOCALES:
        return str(forced)
    chosen = session.get("locale") or (current_user.locale if current_user.is_authenticated else None)
    if chosen in LOCALES:
        return str(chosen)
    best = request.accept_languages.best_match(["zh", "zh-CN", "zh-Hans", "en"])
    if best is None:
        return _default_locale()
    return "en" if best == "en" else "zh_Hans_CN"


def _default_locale() -> str:
    configured: str = current_app.config["DEFAULT_LOCALE"]
    return configured if configured in LOCALES else "zh_Hans_CN"


def in_language(name: str, name_en: str) -> str:
    """Return the name of a record in the reader's language; the Chinese one where no English one is known.

    Args:
        name: The name in Chinese.
        name_en: The name in English, or empty.
    """
    return name_en if name_en and str(get_locale()) == "en" else name
