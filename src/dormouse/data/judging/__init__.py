"""Principles to judge replies by, and pairs of replies that each of them decides."""
