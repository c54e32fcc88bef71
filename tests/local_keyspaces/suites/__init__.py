"""Programs of other teams, as the verdict runs them: each connects by its environment alone."""
