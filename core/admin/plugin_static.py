"""Style sheets, scripts and pictures of plugins: ``static/`` of a plugin is served at ``/static/plugins/<slug>/``."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, abort, send_from_directory
from werkzeug.wrappers import Response

from core.people.permissions import public
from core.plugin_system.runtime import current_runtime

PLUGIN_STATIC = "plugin_static"


def mount_plugin_static(app: Flask) -> None:
    """Serve the static files of all plugins."""
    app.add_url_rule("/static/plugins/<slug>/<path:filename>", PLUGIN_STATIC, serve)


@public("style sheets, scripts and pictures of modules hold no data")
def serve(slug: str, filename: str) -> Response:
    """Answer a static file of a healthy plugin, on or off: pages of other departments may be cached with it."""
    folder = static_folder(slug)
    if folder is None:
        abort(404)
    return send_from_directory(folder, filename)


def static_folder(slug: str) -> Path | None:
    """Return the folder of a healthy plugin's static files, or None when there is none."""
    plugin = current_runtime().plugins.get(slug)
    if plugin is None or not plugin.healthy or plugin.folder is None:
        return None
    folder = plugin.folder / "static"
    return folder if folder.is_dir() else None
