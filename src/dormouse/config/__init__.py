"""What a setting is: frozen sections and parts, the registries that name them, and the limits of every number."""
