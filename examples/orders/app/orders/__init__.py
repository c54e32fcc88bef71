"""Orders of a shop's customers."""
