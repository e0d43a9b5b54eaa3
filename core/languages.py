"""Languages: Chinese first, English complete."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import flask_babel
from babel import Locale
from flask import Flask, current_app, g, has_request_context, request, session
from flask.globals import _cv_app
from flask_babel import Babel, Domain, force_locale, get_locale
from flask_babel.speaklater import LazyString
from flask_login import current_user
from markupsafe import Markup, escape
from werkzeug.utils import cached_property
from wtforms.i18n import messages_path

from core.database.types import Wording

LOCALES = {"zh_Hans_CN": "中文", "en": "English"}
_CORE_CATALOGUE = str(Path(__file__).parent / "translations")
_FORM_TEXTS = Domain([messages_path(), _CORE_CATALOGUE], domain="wtforms")


_LOCALES_READ = {language: Locale.parse(language) for language in LOCALES}
"""They are the same objects each time, so that their texts are found once."""

Text: TypeAlias = str | Wording | LazyString
"""What a service takes as a text: what somebody typed (a ``str``), or what the program says (``_l("…")``)."""

_OF_BROWSERS = {"zh": "zh_Hans_CN", "en": "en"}
"""Our language by the first part of the tag in a browser's Accept-Language."""

ENGLISH_FORMATS = {
    "date.full": "EEEE d MMMM y",
    "date.long": "d MMMM y",
    "date.medium": "d MMM y",
    "date.short": "d MMM y",
    "datetime.full": "EEEE d MMMM y, HH:mm:ss zzzz",
    "datetime.long": "d MMMM y, HH:mm:ss z",
    "datetime.medium": "d MMM y, HH:mm:ss",
    "datetime.short": "d MMM y, HH:mm",
    "time.full": "HH:mm:ss zzzz",
    "time.long": "HH:mm:ss z",
    "time.medium": "HH:mm:ss",
    "time.short": "HH:mm",
}
"""How English writes dates here: day, month in letters, year, and 24 hours, which nobody can mistake. Babel's ``en`` is
that of the United States, and of ``11/12/26`` nobody knows whether it is a day in November or in December."""

_find_domain = flask_babel.get_domain


def _state() -> Any:
    """Return what Flask-Babel remembers of this moment (locale, catalogue), or None outside an application."""
    context = _cv_app.get(None)
    return None if context is None else context.g.get("_flask_babel")


def _domain_of_moment() -> Domain:
    found: Domain | None = getattr(_state(), "babel_domain", None)
    return found if found is not None else _find_domain()


# A page asks for two hundred texts, and Flask-Babel goes through a dozen proxies for each; its gettext calls this.
flask_babel.get_domain = _domain_of_moment


class _QuickDomain(Domain):
    """The product's own texts; as long as the language stays the same, the catalogue is found once."""

    def get_translations(self) -> Any:
        """Return the texts of the language of this moment."""
        state = _state()
        if state is None:
            return super().get_translations()
        known = getattr(state, "doorstep_texts", None)
        if known is not None and known[0] is self and known[1] is getattr(state, "babel_locale", None):
            return known[2]
        found = super().get_translations()
        state.doorstep_texts = (self, getattr(state, "babel_locale", None), found)
        return found


class _Formats(Mapping[str, str | None]):
    """What Flask-Babel looks up for a length like ``date.medium``; None leaves it to the language."""

    def __getitem__(self, key: str) -> str | None:
        if key in ENGLISH_FORMATS and is_english():
            return ENGLISH_FORMATS[key]
        return Babel.default_date_formats[key]

    def __iter__(self) -> Iterator[str]:
        return iter(Babel.default_date_formats)

    def __len__(self) -> int:
        return len(Babel.default_date_formats)


class _QuickBabel(Babel):
    @cached_property
    def domain_instance(self) -> Domain:
        """The domain of the product's own texts."""
        return _QuickDomain(domain=self.domain)


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
    _QuickBabel(date_formats=_Formats()).init_app(app, locale_selector=select_locale)
    # Texts of several lines are collected without their line breaks (tools/translations.py) and looked up likewise.
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.filters["listed"] = listed


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
    return wanted_locale() or _default_locale()


def wanted_locale() -> str | None:
    """Return the language that the reader of this request wants: the one he chose, in the session or in his account,
    else the first of ours that his browser names; None where it names none."""
    chosen = session.get("locale") or (current_user.locale if current_user.is_authenticated else None)
    if chosen in LOCALES:
        return str(chosen)
    # Not best_match: it takes "zh;q=0.5" before "en-US", since only the former is named exactly so.
    for tag, quality in request.accept_languages:
        language = _OF_BROWSERS.get(re.split("[-_]", tag)[0].lower())
        if language is not None and quality > 0:
            return language
    return None


def _default_locale() -> str:
    configured: str = current_app.config["DEFAULT_LOCALE"]
    return configured if configured in LOCALES else "zh_Hans_CN"


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let texts be those of a language inside of ``with``, for whoever will read them.

    Args:
        language: One of :data:`LOCALES`; any other leaves the language as it is.
    """
    if language not in LOCALES:
        yield
        return
    before = g.get("forced_locale")
    g.forced_locale = language
    try:
        with force_locale(language):
            yield
    finally:
        g.forced_locale = before


def is_english() -> bool:
    """Return whether the reader's language is English."""
    locale = getattr(_state(), "babel_locale", None) or get_locale()
    return locale is not None and locale.language == "en"


def locale_of_dates() -> Locale | None:
    """Return the locale for Babel's own functions about dates: in English the day stands before the month."""
    return Locale("en", "GB") if is_english() else get_locale()


def in_language(name: str, name_en: str) -> str:
    """Return the name of a record in the reader's language; the Chinese one where no English one is known.

    Args:
        name: The name in Chinese.
        name_en: The name in English, or empty.
    """
    return name_en if name_en and is_english() else name


def listed(parts: Iterable[object]) -> str:
    """Return names one after the other as the reader's language separates them; in templates the filter ``listed``.

    Args:
        parts: Names, numbers or codes; where one is markup, the others are escaped and the whole is markup.
    """
    items = list(parts)
    separator = ", " if is_english() else "、"
    if any(hasattr(item, "__html__") for item in items):
        return Markup(separator).join(escape(item) for item in items)  # noqa: S704 (either of two signs)
    return separator.join(str(item) for item in items)


class FinishedText(str):
    """A translation that a test marked as such, so that nobody stores it: it is in one language only."""

    __slots__ = ()


def in_each_language(say: Callable[[], Any]) -> str | Wording:
    """Return what a function says, in each language, to be stored and read by people of any.

    Args:
        say: Makes the text in the language of the moment, for example with ``_()`` and :func:`in_language`.

    Returns:
        A plain text where all languages say the same.
    """
    said = {}
    for language, locale in _LOCALES_READ.items():
        with force_locale(locale):
            said[language] = str(say())
    return Wording(said) if len(set(said.values())) > 1 else next(iter(said.values()))


def worded(text: Text) -> str | Wording:
    """Return a text as it is stored: what was typed as it is, and what the program says in the words of each language.

    A service calls it with each text that others read later, for a column of
    :class:`~core.database.types.WordedText`.

    Args:
        text: A typed text, a lazy one (``_l("…", number=…)``) or what :func:`in_each_language` returned.

    Raises:
        TypeError: In tests: the text was translated already (``_("…")``), so that readers of other languages could not
            read it.
    """
    if isinstance(text, FinishedText):
        raise TypeError(
            f"{str(text)!r} is in one language already. Hand over the lazy text, _l() or lazy_ngettext(), or use "
            "in_each_language()."
        )
    return text if isinstance(text, str | Wording) else in_each_language(lambda: text)


def sentence_of(error: Exception) -> Text:
    """Return what an error says: the lazy text that it was raised with, which can be read in any language, else its
    words.

    Args:
        error: Raised with a sentence for the user.
    """
    said = error.args[0] if error.args else ""
    return said if isinstance(said, LazyString | Wording) else str(error)


def cut(text: Text, length: int | None = None) -> str | Wording:
    """Return a text as it is stored, without space around it and no longer than a column holds.

    Args:
        text: As for :func:`worded`.
        length: Most characters in each language; None for a column without a limit.
    """

    def cut_words(words: str) -> str:
        return words.strip()[:length]

    said = worded(text)
    return said.map(cut_words) if isinstance(said, Wording) else cut_words(said)


def paragraphs(texts: Iterable[Text]) -> str | Wording:
    """Return texts below each other as one that is stored, without the empty ones.

    Args:
        texts: Each as for :func:`worded`.
    """
    kept = [cut(text) for text in texts]
    return in_each_language(lambda: "\n".join(filter(None, map(str, kept))))


def shortened(text: Text, length: int) -> str | Wording:
    """Return a text as it is stored, on one line and no longer than a column holds.

    Args:
        text: As for :func:`worded`.
        length: Most characters in each language.
    """

    def one_line(words: str) -> str:
        return " ".join(words.split())[:length]

    said = worded(text)
    return said.map(one_line) if isinstance(said, Wording) else one_line(said)
