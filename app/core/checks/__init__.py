"""One file per check: a module's PLUGIN is found by the registry, nothing else needs to know it."""
