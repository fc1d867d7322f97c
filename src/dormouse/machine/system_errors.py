"""Explains errors of the operating system: a full disk, no permission, a path that is too long."""

from __future__ import annotations

import errno

from dormouse.errors import UserError

ADVICE = {
    errno.ENOSPC: "Free some space and run the same command again; nothing finished is lost.",
    errno.EDQUOT: "Free some space and run the same command again; nothing finished is lost.",
    errno.EROFS: "Choose another place (for a store: --store).",
    errno.EACCES: "Change its permissions, or choose another place (for a store: --store).",
    errno.EPERM: "Change its permissions, or choose another place (for a store: --store).",
    errno.ENAMETOOLONG: "Choose a shorter path or name.",
    errno.ELOOP: "Its symbolic links lead in a circle: correct them.",
    errno.ENOTDIR: "A part of the path is a file, not a folder: correct the path.",
    errno.EMFILE: "Allow more open files (ulimit -n), and run the same command again.",
    errno.EIO: "The disk reports an error: check it, and run the same command again.",
}
"""Error number -> advice, for errors that the machine causes and not a bug of ours."""

LONGEST = 120
"""Longest path that an error shows, in characters."""


def explain(error: OSError) -> UserError | None:
    """Turn a system error into one for the user; None if it is a bug of ours."""
    if error.errno not in ADVICE:
        return None
    path = str(error.filename2 or error.filename or "")
    shown = f"'{path[:LONGEST]}{'...' if len(path) > LONGEST else ''}' cannot be used: " if path else ""
    return UserError(f"{shown}{error.strerror}. {ADVICE[error.errno]}")
