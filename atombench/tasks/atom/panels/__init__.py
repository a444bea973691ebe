"""Pages and figures that only the task `atom` has."""
