"""Entry points to components: every plugin is loaded alone, so that a broken one is a line in `ganstyle doctor`.

The built-ins go first and by the same path: import, API number, hook signatures, components, duplicates.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import inspect
import itertools
import os
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pluggy

from ganstyle.api import API_VERSION, KINDS, PROJECT, Component, HookSpecs, suggest
from ganstyle.errors import EnvironmentProblem, GanstyleError, UsageError

if TYPE_CHECKING:
    from ganstyle.api import Options

GROUP = "ganstyle"
BUILT_IN = "ganstyle"
MAX_COMPONENTS = 1000  # an endless generator must not hang the start
SINGLE_KINDS = ("arch", "loss", "task", "data")
"""Kinds of which a configuration holds exactly one."""

_COMMANDS = {"data": "dataset"}
_MISMATCH = "torchvision::nms"


class _Refused(Exception):
    """A plugin broke the contract; the text says how."""


@dataclass
class PluginStatus:
    """What became of one entry point.

    Attributes:
        key: `distribution:entry_point`, unique.
        name: the entry point's name.
        distribution: normalised name of the installed package.
        version: of the distribution.
        error: why it was dropped, one line; empty if it works.
        components: its contributions; empty if it was dropped or disabled.
        disabled: named in GANSTYLE_DISABLE_PLUGINS.
    """

    key: str
    name: str
    distribution: str
    version: str
    error: str = ""
    components: tuple[Component, ...] = ()
    disabled: bool = False
    hooks: Any = field(default=None, repr=False, compare=False)

    @property
    def built_in(self) -> bool:
        """Whether it came with ganstyle."""
        return self.distribution == BUILT_IN

    @property
    def state(self) -> str:
        """`ok`, `failed` or `disabled`."""
        return "failed" if self.error else "disabled" if self.disabled else "ok"


class Registry:
    """The components of all plugins that loaded; see `load_registry`.

    Attributes:
        plugins: one status for each entry point, in loading order.
    """

    def __init__(self) -> None:
        self.plugins: list[PluginStatus] = []
        self._found: dict[tuple[str, str], tuple[Component, PluginStatus]] = {}
        self._targets: dict[tuple[str, str], Callable[..., Any]] = {}

    def add(self, status: PluginStatus) -> None:
        """Take a plugin's components, or, if it failed, only its status.

        Raises:
            ValueError: a component's name is taken; then nothing of this plugin is taken.
        """
        names = [(component.kind, component.name) for component in status.components]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise ValueError(f"two components are named {name[0]} {name[1]!r}")
            if name in self._found:
                raise ValueError(f"{name[0]} {name[1]!r} already comes from plugin {self._found[name][1].key}")
        self.plugins.append(status)
        self._found.update((name, (component, status)) for name, component in zip(names, status.components))

    def components(self, kind: str) -> list[Component]:
        """Return the components of a kind, in order of name."""
        return [self._found[kind, name][0] for name in self.names(kind)]

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind, sorted.

        Raises:
            UsageError: there is no such kind.
        """
        if kind not in KINDS:
            raise UsageError(f"unknown kind of component {kind!r}; {suggest(kind, KINDS)}")
        return sorted(name for found, name in self._found if found == kind)

    def get(self, kind: str, name: str) -> Component:
        """Return a component.

        Raises:
            UsageError: unknown; says what exists, what was meant, and which plugins failed.
        """
        return self._entry(kind, name)[0]

    def origin(self, kind: str, name: str) -> PluginStatus:
        """Return the plugin of a component; errors as in `get`."""
        return self._entry(kind, name)[1]

    def _entry(self, kind: str, name: str) -> tuple[Component, PluginStatus]:
        known = self.names(kind)
        if name not in known:
            raise UsageError(
                f"unknown {kind} {name!r}; {suggest(str(name), known)}", where=f"--{kind}", hint=self._hint(kind)
            )
        return self._found[kind, name]

    def _hint(self, kind: str) -> str:
        if not self.plugins:
            return "nothing is registered: pip install ganstyle"
        failed = [f"{status.key} ({status.error})" for status in self.plugins if status.error]
        text = f"all: ganstyle {_COMMANDS.get(kind, kind)} list"
        return text + ("; plugins that failed to load: " + ", ".join(failed) if failed else "")

    def resolve(self, component: Component) -> Callable[..., Any]:
        """Return the component's callable, importing it on first use.

        Raises:
            EnvironmentProblem: it can't be imported; names the plugin.
        """
        name = (component.kind, component.name)
        if name not in self._targets:
            with self._blamed(component, "can't be loaded"):
                self._targets[name] = _imported(component.target)
        return self._targets[name]

    def options_model(self, component: Component) -> type[Options]:
        """Return the options class: the annotation of the target's first parameter, the only one evaluated.

        Raises:
            EnvironmentProblem: the target can't be imported or has no such annotation; names the plugin.
        """
        target = self.resolve(component)
        with self._blamed(component, "has no usable options"):
            return _options_annotation(target)

    def build(self, kind: str, name: str, options: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Validate the options of a component and call it.

        Args:
            kind: e.g. `arch`.
            name: e.g. `dcgan`.
            options: option name to plain value; missing ones take their defaults.
            *args: what the kind is called with after the options, e.g. an ImageSpec.
            **kwargs: likewise.

        Raises:
            UsageError: unknown component, key or value.
            EnvironmentProblem: the plugin raised; names it. Errors of ganstyle pass unchanged.
        """
        from ganstyle.api import make_options

        component = self.get(kind, name)
        checked = make_options(self.options_model(component), options, prefix=option_prefix(kind, name))
        target = self.resolve(component)
        with self._blamed(component, "failed"):
            return target(checked, *args, **kwargs)

    def checks(self) -> Iterator[tuple[PluginStatus, str, bool, str]]:
        """Yield (plugin, what, ok, remedy) from the `ganstyle_checks` of every plugin."""
        for status in self.plugins:
            if status.hooks is None:
                continue
            try:
                lines = [(status, str(what), bool(ok), str(remedy)) for what, ok, remedy in _checks_of(status)]
            except BaseException as error:
                _pass_interrupt(error)
                lines = [(status, "ganstyle_checks", False, describe(error))]
            yield from lines

    @contextlib.contextmanager
    def _blamed(self, component: Component, verb: str) -> Iterator[None]:
        try:
            yield
        except GanstyleError:
            raise
        except BaseException as error:
            _pass_interrupt(error)
            if "OutOfMemory" in type(error).__name__ or isinstance(error, MemoryError):
                raise  # not the plugin's fault; the engine answers it
            entry = self._found.get((component.kind, component.name))
            plugin = f"plugin {entry[1].key}" if entry else "a component outside the registry"
            message = f"{component.kind} {component.name!r} {verb}: {describe(error)}"
            raise EnvironmentProblem(message, where=f"{plugin}, {component.target}", hint=_remedy(error)) from error


def option_prefix(kind: str, name: str) -> str:
    """Return how users spell a component's options: `arch`, but `metric.fid`."""
    return kind if kind in SINGLE_KINDS else f"{kind}.{name}"


def describe(error: BaseException) -> str:
    """Return an exception as one line of at most 300 characters."""
    text = str(error) if isinstance(error, GanstyleError | _Refused) else f"{type(error).__name__}: {error}"
    return " ".join(text.split()).removesuffix(":")[:300]


def _remedy(error: BaseException) -> str:
    if _MISMATCH in str(error):
        return "torch and torchvision don't match: ganstyle doctor tells which pair to install"
    return "ganstyle doctor; --debug shows the traceback"


def _pass_interrupt(error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        raise error


def _imported(target: str | Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not callable(found):
        raise TypeError(f"{target} is not callable")
    return found


def _options_annotation(target: Callable[..., Any]) -> type[Options]:
    from ganstyle.api import Options

    first = next(iter(inspect.signature(target).parameters.values()), None)
    if first is None or first.name != "options" or first.annotation is first.empty:
        raise TypeError("the first parameter must be 'options', annotated with a subclass of Options")
    holder = SimpleNamespace(__annotations__={"options": first.annotation})
    model = typing.get_type_hints(holder, globalns=_globals_of(target))["options"]
    if not (isinstance(model, type) and issubclass(model, Options)):
        raise TypeError(f"options is annotated with {model!r}, which is no subclass of Options")
    return model


def _globals_of(target: Any) -> dict[str, Any]:
    while isinstance(target, functools.partial):
        target = target.func
    function = inspect.unwrap(typing.cast(Any, target).__init__ if isinstance(target, type) else target)
    if not hasattr(function, "__globals__"):
        function = type(function).__call__
    return getattr(function, "__globals__", {})


def load_registry(*, plugins: bool = True) -> Registry:
    """Load every installed plugin, each isolated from the others.

    Args:
        plugins: False loads the built-ins only (`--no-plugins`).

    Raises:
        EnvironmentProblem: a plugin failed and GANSTYLE_STRICT_PLUGINS is set.

    Note:
        GANSTYLE_DISABLE_PLUGINS holds keys, entry points or distributions, separated by commas.
    """
    registry = Registry()
    disabled = set(re.split(r"[,\s]+", os.environ.get("GANSTYLE_DISABLE_PLUGINS", "")))
    for entry, status in _entry_points():
        if not plugins and not status.built_in:
            continue
        status.disabled = bool(disabled & {status.key, status.name, status.distribution})
        if status.disabled:
            status.error = ""
        elif any(status.key == known.key for known in registry.plugins):
            status.error = status.error or f"{status.distribution} has a second entry point named {status.name}"
        elif not status.error:
            _load(entry, status, registry)
        if not any(known is status for known in registry.plugins):
            registry.plugins.append(status)
    return registry


@functools.lru_cache(maxsize=1)
def default_registry() -> Registry:
    """Return the registry that everybody uses; GANSTYLE_NO_PLUGINS=1 restricts it to the built-ins."""
    return load_registry(plugins=not _is_set("GANSTYLE_NO_PLUGINS"))


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0").lower() not in {"", "0", "false", "no"}


def _load(entry: importlib.metadata.EntryPoint, status: PluginStatus, registry: Registry) -> None:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout belongs to the answer, which may be JSON
            status.hooks, status.components = examine(entry.load(), status.key)
            registry.add(status)
    except BaseException as error:
        _pass_interrupt(error)
        status.error, status.components, status.hooks = describe(error), (), None
        if _is_set("GANSTYLE_STRICT_PLUGINS"):
            hint = "GANSTYLE_STRICT_PLUGINS is set; without it the plugin is left out"
            raise EnvironmentProblem(f"plugin {status.key}: {status.error}", where=entry.value, hint=hint) from error


def examine(plugin: Any, key: str) -> tuple[Any, tuple[Component, ...]]:
    """Return the hooks and the components of an imported plugin.

    Args:
        plugin: a module, or another object with hooks.
        key: for messages.

    Raises:
        Exception: whatever the plugin raises, and for each breach of the contract; `describe` makes it a line.
    """
    _check_version(plugin)
    manager = pluggy.PluginManager(PROJECT)  # one for each plugin: a bad hook leaves nothing behind
    manager.add_hookspecs(HookSpecs)
    manager.register(plugin, name=key)
    manager.check_pending()
    return manager.hook, _components_of(manager.hook)


def _check_version(plugin: Any) -> None:
    number = getattr(plugin, "ganstyle_api", None)
    accepted = [version for version in (API_VERSION, API_VERSION - 1) if version > 0]
    if type(number) is not int:
        raise _Refused(f"sets no plugin API number (ganstyle_api = {API_VERSION})")
    if number not in accepted:
        advice = "upgrade ganstyle" if number > API_VERSION else "upgrade the plugin"
        raise _Refused(f"needs plugin API {number}, this ganstyle has {' and '.join(map(str, accepted))}: {advice}")


def _components_of(hooks: Any) -> tuple[Component, ...]:
    answers = hooks.ganstyle_components()
    if not answers:
        raise _Refused("has no hook ganstyle_components() that returns components")
    components = tuple(itertools.islice(answers[0], MAX_COMPONENTS + 1))
    if len(components) > MAX_COMPONENTS:
        raise _Refused(f"returns more than {MAX_COMPONENTS} components")
    for component in components:
        if not isinstance(component, Component) or type(component) is not KINDS.get(component.kind):
            raise _Refused(f"ganstyle_components() returned a {type(component).__name__}, which is no component")
    return components


def _checks_of(status: PluginStatus) -> list[tuple[str, bool, str]]:
    with contextlib.redirect_stdout(sys.stderr):
        answers = status.hooks.ganstyle_checks()
        return list(itertools.islice(answers[0], MAX_COMPONENTS)) if answers else []


def _entry_points() -> list[tuple[importlib.metadata.EntryPoint, PluginStatus]]:
    """Return the entry points, built-ins first; twins carry an error already."""
    found: list[tuple[importlib.metadata.EntryPoint, PluginStatus]] = []
    homes: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        entries = _entries_of(distribution)
        if not entries:
            continue
        name = re.sub(r"[-_.]+", "-", str(distribution.name)).lower()
        home = os.path.realpath(getattr(distribution, "_path", ""))
        if home in homes.values():  # one folder, twice on the path
            continue
        twin = f"a second installation of {name}, at {os.path.dirname(home)}, is left out: uninstall one"
        error = twin if name in homes else ""
        homes.setdefault(name, home)
        found += [(entry, _status(name, entry, version=distribution.version, error=error)) for entry in entries]
    return sorted(found, key=lambda pair: (not pair[1].built_in, bool(pair[1].error), pair[1].key))


def _entries_of(distribution: importlib.metadata.Distribution) -> list[importlib.metadata.EntryPoint]:
    try:
        return [entry for entry in distribution.entry_points if entry.group == GROUP]
    except Exception:  # unreadable metadata of a package that need not concern us
        return []


def _status(name: str, entry: importlib.metadata.EntryPoint, *, version: Any, error: str = "") -> PluginStatus:
    return PluginStatus(f"{name}:{entry.name}", entry.name, name, str(version or "?"), error)
