"""The store: stages, their keys, and the artifacts that they make."""
