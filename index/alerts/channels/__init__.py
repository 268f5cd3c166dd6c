"""Where alerts go: one file a channel, found by a scan of this folder."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from index.alerts.channels.protocol import Channel
from index.errors import SettingsError
from index.settings import Channel as ChannelSettings
from index.settings import Settings, secret


def channel_types() -> dict[str, type[Channel]]:
    """type -> class, of every file in this folder."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name != "protocol"]
    return {name: _class_of(name) for name in names}


def open_channel(channel: ChannelSettings, settings: Settings) -> Channel:
    """The channel of a [[channels]] entry. Raises SettingsError when its type is unknown or it lacks something."""
    known = channel_types()
    if channel.type not in known:
        raise SettingsError(
            f"[[channels]] {channel.name!r}: type {channel.type!r} is not among {', '.join(sorted(known))}."
        )
    if channel.secret_env and not secret(channel.secret_env, settings.home):
        raise SettingsError(
            f"[[channels]] {channel.name!r}: {channel.secret_env} is not set. Put it into .env or the environment."
        )
    return known[channel.type](channel, secret(channel.secret_env, settings.home))


def _class_of(name: str) -> type[Channel]:
    module = import_module(f"{__name__}.{name}")
    found: type[Channel] = next(
        value for value in vars(module).values() if isinstance(value, type) and vars(value).get("type") == name
    )
    return found
