"""Sentences for what the operating system refuses: a full disk, no permission, a path that is too long."""

from __future__ import annotations

import errno

from dormouse.errors import UserError

ADVICE = {
    errno.ENOSPC: "Free some space and run the same command again; nothing finished is lost.",
    errno.EDQUOT: "Free some space and run the same command again; nothing finished is lost.",
    errno.EROFS: "Choose another place, for a store with --store.",
    errno.EACCES: "Change its permissions, or choose another place, for a store with --store.",
    errno.EPERM: "Change its permissions, or choose another place, for a store with --store.",
    errno.ENAMETOOLONG: "Choose a shorter path or name.",
    errno.ELOOP: "Its symbolic links lead in a circle: correct them.",
    errno.ENOTDIR: "Something on its way is a file and no folder: correct the path.",
    errno.EMFILE: "Let a process open more files (ulimit -n), and run the same command again.",
    errno.EIO: "The disk gives an error: check it, and run the same command again.",
}
"""What to do about each kind of error that is the machine's and not ours."""

LONGEST = 120
"""Characters of a path that an error shows."""


def explain(error: OSError) -> UserError | None:
    """Return what to tell the user of an error of the system; None where it is a bug of ours."""
    if error.errno not in ADVICE:
        return None
    path = str(error.filename2 or error.filename or "")
    shown = f"'{path[:LONGEST]}{'...' if len(path) > LONGEST else ''}' cannot be used: " if path else ""
    return UserError(f"{shown}{error.strerror}. {ADVICE[error.errno]}")
