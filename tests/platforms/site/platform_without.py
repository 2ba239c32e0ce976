"""Takes from this Python what macOS or Windows lacks, before anything else is imported.

Missing is missing for everybody but the standard library, which has other code there, and the tools
of the test run. `sys.platform` stays: our code looks for what it needs, not for a name. What
Windows refuses while a file is open is refused as well.
"""

import builtins
import contextlib
import errno
import functools
import importlib
import io
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

# The first have other code there; the others run the tests, and have it too.
_TOOLS = {
    *("psutil", "numpy", "billiard", "celery", "kombu"),
    *("pytest", "_pytest", "xdist", "execnet", "pluggy", "coverage"),
}
_HERE = sys.stdlib_module_names | {"sitecustomize", "windows_locks"}

# Of the standard library, what imports the missing modules, or looks for them later.
_FIRST = (
    *(
        "asyncio",
        "concurrent.futures.process",
        "ctypes",
        "getpass",
        "http.server",
        "pathlib",
        "pdb",
    ),
    *("logging.handlers", "selectors", "shutil", "socketserver", "ssl", "tarfile", "tempfile"),
    *("multiprocessing.connection", "multiprocessing.context", "multiprocessing.forkserver"),
    *("multiprocessing.managers", "multiprocessing.pool", "multiprocessing.popen_spawn_posix"),
    *("multiprocessing.resource_tracker", "multiprocessing.shared_memory"),
    *("pdb", "uuid", "webbrowser", "xmlrpc.client", "zipfile"),
)
_HIDDEN = ("/proc", "/dev/shm")

_NOT_ON_MACOS: dict[ModuleType, tuple[str, ...]] = {
    os: (
        *("copy_file_range", "eventfd", "getrandom", "memfd_create", "pidfd_open", "pipe2"),
        *("posix_fadvise", "posix_fallocate", "preadv", "pwritev", "sched_getaffinity"),
        *("sched_setaffinity", "splice", "O_PATH", "O_TMPFILE"),
    ),
    signal: ("SIGRTMIN", "SIGRTMAX", "sigtimedwait", "sigwaitinfo"),
    time: ("CLOCK_BOOTTIME",),
    socket: ("AF_NETLINK", "AF_PACKET"),
}
_NOT_ON_WINDOWS: dict[ModuleType, tuple[str, ...]] = {
    os: (
        *_NOT_ON_MACOS[os],
        *("chown", "fchmod", "fchown", "fdatasync", "fork", "forkpty", "fpathconf", "fstatvfs"),
        *("getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid", "getpgrp"),
        *("getpriority", "getresuid", "getsid", "getuid", "initgroups", "killpg", "lchown"),
        *("mkfifo", "mknod", "nice", "pathconf", "posix_spawn", "pread", "pwrite", "readv"),
        *("register_at_fork", "sched_yield", "setegid", "seteuid", "setgid", "setgroups"),
        *("setpgid", "setpriority", "setregid", "setresuid", "setreuid", "setsid", "setuid"),
        *("statvfs", "sync", "sysconf", "uname", "wait", "wait3", "wait4", "waitid", "writev"),
        *("WNOHANG", "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW"),
        *("O_NONBLOCK", "O_SYNC"),
    ),
    signal: (
        *_NOT_ON_MACOS[signal],
        *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT"),
        *("SIGSTOP", "SIGTSTP", "SIGUSR1", "SIGUSR2", "alarm", "getitimer", "pause"),
        *("pthread_kill", "pthread_sigmask", "setitimer", "sigpending", "sigwait"),
    ),
    time: ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "CLOCK_REALTIME", "clock_gettime", "tzset"),
    socket: (*_NOT_ON_MACOS[socket], "AF_UNIX"),
    mmap: ("MAP_PRIVATE", "MAP_SHARED", "PROT_EXEC", "PROT_READ", "PROT_WRITE"),
}
_MODULES_NOT_ON_WINDOWS = (
    *("crypt", "fcntl", "grp", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios"),
    "tty",
)
_O_BINARY, _O_NOINHERIT = 1 << 28, 1 << 27  # flags that only Windows has

_real = {name: getattr(os, name) for name in dir(os)}


def apply(name: str) -> None:
    for module in _FIRST:
        importlib.import_module(module)
    with contextlib.suppress(ImportError):  # not in each environment
        import psutil  # noqa: F401, PLC0415
    if name == "windows":
        import windows_locks  # type: ignore[import-not-found]  # noqa: PLC0415

        sys.modules["msvcrt"] = windows_locks
        _remove_modules()
        _refuse_as_windows(windows_locks.held)
    for module_, names in (_NOT_ON_WINDOWS if name == "windows" else _NOT_ON_MACOS).items():
        _remove(module_, names)
    _hide_paths()
    _tell_children()


def _remove_modules() -> None:
    kept = {}
    for name in _MODULES_NOT_ON_WINDOWS:
        with contextlib.suppress(ImportError):
            kept[name] = importlib.import_module(name)
        sys.modules[name] = None  # type: ignore[assignment]  # so an import fails
    real = builtins.__import__

    def import_(name: str, *rest: Any, **options: Any) -> ModuleType:
        is_relative = options.get("level") or rest[3:4] > (0,)
        if name in kept and not is_relative and _caller() in _HERE | _TOOLS:
            return kept[name]
        return real(name, *rest, **options)

    builtins.__import__ = import_


def _user(depth: int = 2) -> str:
    """The nearest package up the stack that is not of the standard library; empty: none is."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _HERE and package != __name__:
            return "" if package in _TOOLS else package or "?"
        frame = frame.f_back
    return ""


def _caller() -> str:
    """The package whose code calls us, be it of the standard library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _remove(module: ModuleType, names: tuple[str, ...]) -> None:
    """Whoever asks is told that the module lacks it, but for the standard library and tools."""
    kept = {}
    for name in names:
        if hasattr(module, name):
            kept[name] = getattr(module, name)
            delattr(module, name)

    def find(name: str) -> Any:
        if name in kept and _caller() in _HERE | _TOOLS:
            return kept[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = find  # type: ignore[method-assign]


def _hide_paths() -> None:
    for name in ("access", "listdir", "lstat", "mkdir", "open", "readlink", "scandir", "stat"):
        setattr(os, name, _hiding(getattr(os, name)))
    os.access = _denying(os.access)
    builtins.open = io.open = _hiding(builtins.open)


def _is_hidden(path: Any) -> bool:
    with contextlib.suppress(TypeError):
        text = os.fsdecode(path)
        return text.startswith(_HIDDEN) and bool(_user(3))
    return False


def _hiding(call: Callable[..., Any]) -> Callable[..., Any]:
    def hidden(path: Any = ".", *arguments: Any, **options: Any) -> Any:
        if not isinstance(path, int) and _is_hidden(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return call(path, *arguments, **options)

    return hidden


def _denying(call: Callable[..., bool]) -> Callable[..., bool]:
    def denied(*arguments: Any, **options: Any) -> bool:
        try:
            return call(*arguments, **options)
        except FileNotFoundError:
            return False

    return denied


def _tell_children() -> None:
    """Give a child that gets an environment of its own what makes it lack the same."""
    begin = subprocess.Popen.__init__
    ours = {name: os.environ[name] for name in ("TESTED_PLATFORM", "PYTHONPATH")}

    def begin_told(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        if options.get("env") is not None:
            env = {**options["env"]}
            paths = [ours["PYTHONPATH"], env.get("PYTHONPATH", "")]
            env["TESTED_PLATFORM"] = ours["TESTED_PLATFORM"]
            env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
            options["env"] = env
        begin(self, args, *rest, **options)

    subprocess.Popen.__init__ = begin_told  # type: ignore[method-assign]


def _refuse_as_windows(locked: set[int]) -> None:
    os.O_BINARY, os.O_NOINHERIT = _O_BINARY, _O_NOINHERIT  # type: ignore[attr-defined]
    # asyncio's pair: Windows' is made of two TCP sockets, by code that is not in this Python.
    socket.socketpair = functools.partial(socket.socketpair, socket.AF_UNIX)

    def open_(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if not flags & _O_BINARY and _caller() == "monitoring":
            raise AssertionError(f"{path} is opened as text: line ends would change")
        flags &= ~(_O_BINARY | _O_NOINHERIT)
        return int(_real["open"](path, flags, *arguments, **options))

    def close(fd: int) -> None:
        locked.discard(fd)
        _real["close"](fd)

    def refusing(call: Callable[..., Any]) -> Callable[..., Any]:
        def refused(*arguments: Any, **options: Any) -> Any:
            if _user():
                for path in [a for a in arguments if isinstance(a, str | bytes | os.PathLike)]:
                    if _is_open(path):
                        raise PermissionError(errno.EACCES, "it is open", path)
            return call(*arguments, **options)

        return refused

    def ftruncate(fd: int, length: int) -> None:
        status = _real["fstat"](fd)
        if length < status.st_size and f" {status.st_ino} " in _maps() and _user():
            raise PermissionError(errno.EACCES, "it is mapped")
        _real["ftruncate"](fd, length)

    def kill(pid: int, number: int) -> None:
        if not number and _user():
            raise AssertionError("on Windows, os.kill(pid, 0) sends a Ctrl-C")
        _real["kill"](pid, number)

    def without_owners(call: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def told(*arguments: Any, **options: Any) -> os.stat_result:
            status = call(*arguments, **options)
            return _without_owner(status) if _user() == "monitoring" else status

        return told

    os.open, os.close, os.ftruncate, os.kill = open_, close, ftruncate, kill
    for name in ("remove", "rename", "replace", "unlink"):
        setattr(os, name, refusing(_real[name]))
    for name in ("fstat", "lstat", "stat"):
        setattr(os, name, without_owners(_real[name]))
    import shutil  # noqa: PLC0415

    shutil._use_fd_functions = False  # type: ignore[attr-defined]


def _is_open(path: Any) -> bool:
    try:
        wanted = _real["lstat"](path)
    except OSError:
        return False
    for entry in _real["listdir"]("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found = _real["fstat"](int(entry))
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False


def _maps() -> str:
    descriptor = _real["open"]("/proc/self/maps", os.O_RDONLY)
    try:
        parts = iter(lambda: _real["read"](descriptor, 65536), b"")
        return b"".join(parts).decode().replace("\n", " ")
    finally:
        _real["close"](descriptor)


def _without_owner(status: os.stat_result) -> os.stat_result:
    """All modes allow everything to everybody, and the owner is number 0."""
    fields: list[Any] = list(status)
    fields[0], fields[4], fields[5] = fields[0] | 0o777, 0, 0
    return os.stat_result(fields, {n: getattr(status, n) for n in dir(status) if n[:3] == "st_"})
