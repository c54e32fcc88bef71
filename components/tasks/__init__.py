"""Tasks: image, permissions, definition; and a report on those that stopped."""
