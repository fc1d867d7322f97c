"""Settings: frozen sections and parts, the registries that name them, and limits for every number."""
